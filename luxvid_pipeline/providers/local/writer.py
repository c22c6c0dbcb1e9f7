"""The local storyboard writer: the scene table filled in with what is known of one listing.

Belongs here: which scenes there are, camera words and score prompts; a person's notes put into words.
Does not belong here: what is the same for every listing (``domain/scenes.py``), video prompts
(``domain/shot_words.py``), choosing pairs (``providers/local/selector.py``).
"""

from collections.abc import Sequence

from luxvid_pipeline.domain.directions import NOT_UNDERSTOOD, check_note, put_on, read_note
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairing import choose_pairs
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.ports import Draft, Engine
from luxvid_pipeline.domain.scenes import SCENE_KEYS, MoveKind, Scene, scene
from luxvid_pipeline.domain.shot_words import each_phrase_once, video_prompt
from luxvid_pipeline.domain.storyboard import LeftOut, Shot, Storyboard
from luxvid_pipeline.domain.subjects import subject_of

_INSTRUMENTS = {
    "cinematic-ambient": "cinematic ambient, felt piano, warm strings and airy pads",
    "modern-piano": "modern solo piano with light strings",
    "warm-acoustic": "warm acoustic guitar, soft percussion and double bass",
}


class LocalWriter:
    """Writes the seven scenes from templates; a scene that no photo can honestly show is left out with its reason.

    Every word about the property comes from the manifest or from the catalogue: a clause about water is only
    written where the photo that would be used shows water.
    """

    engine = "local"

    def write(
        self,
        listing: str,
        manifest: ListingManifest,
        catalogue: Sequence[CataloguedPhoto],
        account: Account | None = None,
    ) -> Draft:
        """Return the listing's storyboard; scenes it cannot show are left out with their reason."""
        title = manifest.title or listing.replace("-", " ").title()
        photos = {photo.photo_id: photo for photo in catalogue}
        # Which scenes can be shot, and of what, is the same question that choosing pairs answers, so it is asked
        # there: a storyboard that promised more scenes than the photos hold would get a score too long for its film.
        likely = choose_pairs(SCENE_KEYS, catalogue, {})
        shown = [(scene(row.scene), photos[row.first_photo]) for row in likely if row.first_photo is not None]
        storyboard = Storyboard(
            listing=listing,
            title=title,
            engine=self.engine,
            music=manifest.film.music,
            transition=manifest.film.transition.value,
            shots=tuple(
                _shot(each, photo, title, manifest, place, of=len(shown))
                for place, (each, photo) in enumerate(shown, 1)
            ),
            left_out=tuple(LeftOut(scene=row.scene, reason=row.reason) for row in likely if row.left_out),
        )
        return Draft(storyboard=storyboard)

    def revise(
        self,
        storyboard: Storyboard,
        feedback: str,
        manifest: ListingManifest,
        catalogue: Sequence[CataloguedPhoto],
        account: Account | None = None,
        *,
        about: str = "",
        pairs: Sequence[ScenePair] = (),
        seen: Sequence[str] = (),
    ) -> Draft:
        """Return the next version of a storyboard as far as the words are understood (``domain/directions.py``).

        The words of a scene are written anew only where its photos will change; every other shot stays the very same.

        Raises:
            InputError: The feedback is empty or too long.
        """
        feedback = check_note(feedback)
        put = put_on(storyboard, read_note(feedback, catalogue), catalogue, pairs, about=about, seen=seen)
        shown = put.storyboard.shots
        shots = tuple(
            self._rewritten(shot, put.likely[shot.scene], storyboard.title, manifest, place, of=len(shown))
            if shot.scene in put.likely
            else shot
            for place, shot in enumerate(shown, 1)
        )
        board = put.storyboard if shots == shown else put.storyboard.model_copy(update={"shots": shots})
        not_done = put.not_done
        if not put.done and all(line.startswith(NOT_UNDERSTOOD) for line in not_done):
            not_done = (f"{NOT_UNDERSTOOD}“{feedback}”",)
        return Draft(storyboard=board, engine=Engine(name=self.engine), done=put.done, not_done=not_done)

    def _rewritten(
        self, shot: Shot, photo: CataloguedPhoto, title: str, manifest: ListingManifest, place: int, *, of: int
    ) -> Shot:
        """Return a shot with the words for another photo; what a person forbade stays forbidden, and the score."""
        fresh = _shot(scene(shot.scene), photo, title, manifest, place, of=of)
        return fresh.model_copy(
            update={
                "wishes": shot.wishes,
                "since": shot.since,
                "negative_prompt": each_phrase_once(f"{fresh.negative_prompt}, {shot.negative_prompt}"),
                "score_prompt": shot.score_prompt or fresh.score_prompt,
                "seconds": shot.seconds,
            }
        )


def _shot(each: Scene, photo: CataloguedPhoto, title: str, manifest: ListingManifest, place: int, *, of: int) -> Shot:
    return Shot(
        scene=each.key,
        subject=subject_of(photo),
        camera=_camera_words(each),
        prompt=video_prompt(each, photo, title, manifest, place),
        negative_prompt=each_phrase_once(f"{each.negative_prompt}, {', '.join(manifest.brand.avoid)}"),
        score_prompt=_score_prompt(each, manifest, place, of),
        seconds=manifest.film.clip_seconds,
    )


def _score_prompt(each: Scene, manifest: ListingManifest, place: int, of: int) -> str:
    tone = f", {' and '.join(manifest.brand.tone)}" if manifest.brand.tone else ""
    part = "Opening of" if place == 1 else "Close of" if place == of else f"Part {place} of {of} of"
    style = _INSTRUMENTS[manifest.film.music]
    return f"{part} one continuous score: {style}; {each.score.words}{tone}; instrumental, no vocals"


def _camera_words(each: Scene) -> str:
    camera = each.camera
    if camera.kind is MoveKind.HOLD:
        return "almost static, the faintest drift"
    side = "" if camera.kind not in (MoveKind.TRUCK, MoveKind.SWEEP) else " to the right"
    if side and camera.travel_x < 0:
        side = " to the left"
    return f"slow {camera.kind.value}{side}"
