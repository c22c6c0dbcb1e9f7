"""The words of a scene: the scene table filled in with what is known of the photo that plays it.

Belongs here: video prompts from the listing, its brief, its brand rules and a photo's catalogue entry; finding the
scenes whose photos came out other than the storyboard expected.
Does not belong here: what is the same for every listing (``domain/scenes.py``), noun phrases (``domain/subjects.py``),
the storyboard itself (``providers/local/writer.py``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.scenes import Scene, scene
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.subjects import features_of, subject_of

_FROM_THE_TABLE = "local"


def video_prompt(shown: Scene, photo: CataloguedPhoto, title: str, manifest: ListingManifest, place: int) -> str:
    """Return what a video model is told of a scene; a clause about water only where the photo shows water.

    Args:
        shown: The scene.
        photo: The photo its clip begins on.
        title: What the film calls the property.
        manifest: What the listing says.
        place: The scene's place in the film, from 1.
    """
    features = features_of(photo)
    clauses = [shown.prompt.replace("{subject}", subject_of(photo)).replace("{title}", title)]
    clauses += [clause for feature, clause in shown.details.items() if feature in features]
    if manifest.brand.tone:
        clauses.append(f"{' and '.join(manifest.brand.tone)} mood")
    # Told in every scene, a video model would put the ocean into the bathroom; so exteriors share the messages.
    messages = manifest.brief.key_messages if photo.room.is_exterior else ()
    if messages:
        clauses.append(f"in keeping with: {messages[(place - 1) % len(messages)]}")
    return each_phrase_once(", ".join(clauses))


def each_phrase_once(text: str) -> str:
    """Return the comma-separated phrases of a text, each once, in order."""
    phrases = [" ".join(phrase.split()) for phrase in text.split(",")]
    return ", ".join(dict.fromkeys(phrase for phrase in phrases if phrase))


def worded(
    pairs: Iterable[ScenePair], storyboard: Storyboard, catalogue: Sequence[CataloguedPhoto], manifest: ListingManifest
) -> list[ScenePair]:
    """Return the pairs with words of their own where the storyboard's were filled in for another photo.

    A storyboard is written before anybody has looked which photos go together: it may promise the property from the
    air where two views from the garden overlap and are chosen. A model's words stay: it has read the whole listing.

    Args:
        pairs: What was chosen.
        storyboard: What it was chosen for.
        catalogue: Every usable photo.
        manifest: What the listing says.
    """
    photos = {photo.photo_id: photo for photo in catalogue}
    places = {shot.scene: (place, shot) for place, shot in enumerate(storyboard.shots, 1)}
    found: list[ScenePair] = []
    for pair in pairs:
        place, shot = places.get(pair.scene, (0, None))
        photo = photos.get(pair.first_photo or "")
        if shot is None or photo is None or shot.written_by != _FROM_THE_TABLE:
            found.append(pair)
            continue
        subject, prompt = subject_of(photo), video_prompt(scene(pair.scene), photo, storyboard.title, manifest, place)
        fits = (subject, prompt) == (shot.subject, shot.prompt)
        found.append(replace(pair, subject="" if fits else subject, prompt="" if fits else prompt))
    return found
