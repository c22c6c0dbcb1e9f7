"""Portrait photos made as wide as the film before a scene is shot from them, by an image model.

Belongs here: ``WideningClips``, a clip generator in front of another one.
Does not belong here: the image model (``providers/replicate/images.py``), choosing photos: a scene is shot from a
portrait photo only where the selector found nothing better.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from luxvid_pipeline.domain.fallback import moves_on, step_in_words
from luxvid_pipeline.domain.payments import FREE, Estimate
from luxvid_pipeline.domain.photos import WorkingPhoto
from luxvid_pipeline.domain.ports import (
    ClipGenerator,
    ClipRequest,
    Engine,
    ImageEditor,
    Progress,
    ignore_progress,
)
from luxvid_pipeline.media.clips import photo_size


class WideningClips:
    """Shoots as another generator does, portrait photos widened first; what was invented is always disclosed."""

    def __init__(self, clips: ClipGenerator, editor: ImageEditor) -> None:
        """Put an image editor before a clip generator."""
        self._clips = clips
        self._editor = editor

    @property
    def engine(self) -> str:
        """The generator's name and the editor's: a clip of a widened photo is another clip."""
        return f"{self._clips.engine} after {self._editor.engine}"

    @property
    def most_at_once(self) -> int:
        """As many as the generator takes."""
        return self._clips.most_at_once

    @property
    def editor(self) -> str:
        """Who widens."""
        return self._editor.engine

    @property
    def picture(self) -> Estimate:
        """What widening one photo may cost."""
        return self._editor.estimate()

    def estimate_pictures(self, request: ClipRequest) -> Estimate:
        """Return what widening a scene's photos may cost; the clip is not in it."""
        photos = [photo for photo in (request.first, request.last) if photo is not None and _is_portrait(photo)]
        return sum((self.picture for _ in photos), FREE)

    async def shoot(self, request: ClipRequest, into: Path, progress: Progress = ignore_progress) -> Engine:
        """Write the clip to ``into``; see ``ClipGenerator``.

        A photo that cannot be widened is shot as it is, and that is said.
        """
        with tempfile.TemporaryDirectory(prefix="luxvid-") as folder:
            made: list[Engine] = []
            steps: list[str] = []
            photos: dict[str, WorkingPhoto] = {}
            for place, photo in (("first", request.first), ("last", request.last)):
                if photo is None or not _is_portrait(photo):
                    continue
                wide = Path(folder) / f"{place}.jpg"
                account = replace(request.account, scene=request.shot.scene) if request.account else None
                try:
                    made.append(await self._editor.widen(photo, wide, account))
                except Exception as error:
                    if not moves_on(error):
                        raise
                    steps.append(step_in_words(self._editor.engine, error))
                else:
                    photos[place] = _widened(photo, wide)
            if photos:
                # What was measured between the photos no longer holds for their widened versions.
                request = replace(request, overlap=None, **photos)
            engine = await self._clips.shoot(request, into, progress)
        told = "; ".join([*steps, "its portrait photo was not widened"]) if steps else ""
        return replace(
            engine,
            cost_usd=engine.cost_usd + sum(each.cost_usd for each in made),
            paid_calls=engine.paid_calls + sum(each.paid_calls for each in made),
            degraded_reason="; ".join(filter(None, [told, engine.degraded_reason])),
            disclosure="; ".join(filter(None, [*(each.disclosure for each in made), engine.disclosure])),
        )


def _is_portrait(photo: WorkingPhoto) -> bool:
    return photo.record.working_height_px > photo.record.working_width_px


def _widened(photo: WorkingPhoto, wide: Path) -> WorkingPhoto:
    width, height = photo_size(wide)
    record = replace(
        photo.record, photo_id=f"{photo.record.photo_id}-wide", working_width_px=width, working_height_px=height
    )
    return WorkingPhoto(record=record, path=wide)
