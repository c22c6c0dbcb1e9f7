"""What the frames of a package's scenes are drawn from, and which scenes may play at half pace.

Belongs here: finding the photographs of a scene that the local camera shot, measuring clips of others.
Does not belong here: drawing (``providers/local/camera.py``, ``media/retiming.py``), which scenes need it
(``domain/delivery_plan.py``).

A clip of the local camera is a plan over photographs, so its frames, and those between them, are drawn from the
photographs again, as they were before it was encoded: no second generation of pictures. Of a model's clip only its
frames are known; what lies between them is drawn along the camera's motion, where that is seen to hold.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from luxvid_pipeline.assets.clips import clip_made_from
from luxvid_pipeline.assets.metadata import engine_from_facts
from luxvid_pipeline.assets.package_maker import SceneInput, prefix
from luxvid_pipeline.domain.errors import DamagedMediaError
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import PhotoRecord, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.media.retiming import SMOOTH_SSIM, pace_likeness
from luxvid_pipeline.providers.local.camera import LocalCamera, draw_again

_DRAWN_LIKENESS = 1.0


def from_photographs(
    store: MediaStore,
    listing: str,
    scenes: Sequence[SceneInput],
    pairs: Mapping[str, ScenePair],
    records: Mapping[str, PhotoRecord],
) -> list[SceneInput]:
    """Return the scenes, those shot by the local camera ready to be drawn from their photographs.

    A clip that the camera would no longer shoot so, or whose photographs are gone or damaged, stays what it is: its own
    frames tell enough.
    """
    return [_from_photographs(store, listing, scene, pairs[scene.source.scene], records) for scene in scenes]


def _from_photographs(
    store: MediaStore, listing: str, scene: SceneInput, pair: ScenePair, records: Mapping[str, PhotoRecord]
) -> SceneInput:
    maker = engine_from_facts(scene.clip.facts)
    # A disclosure says that a photograph was altered before it was filmed: the working one is not what was shown.
    if maker.name != LocalCamera.engine or maker.disclosure:
        return scene
    photos: list[WorkingPhoto] = []
    for photo_id in pair.photos:
        record = records.get(photo_id)
        if record is None or not record.working:
            return scene
        try:
            photos.append(WorkingPhoto(record=record, path=store.open(record.working)))
        except DamagedMediaError:
            return scene
    first, *others = photos
    request = ClipRequest(
        listing=listing, shot=scene.shot, first=first, last=others[0] if others else None, overlap=pair.overlap
    )
    if scene.clip.made_from != clip_made_from(request, LocalCamera.engine):
        return scene
    return replace(scene, source=replace(scene.source, draws=partial(draw_again, request)))


def slowing_scenes(store: MediaStore, listing: str, scenes: Sequence[SceneInput]) -> dict[str, float]:
    """Return for each scene how well frames between its frames can be drawn; a clip is measured once."""
    key = f"{prefix(listing)}/parts/pace.json"
    known: dict[str, float] = {}
    if store.find(key) is not None and store.is_whole(key):
        known = json.loads(store.read_bytes(key))
    found = {
        scene.clip.sha256: known[scene.clip.sha256]
        if scene.clip.sha256 in known
        else pace_likeness(scene.source.clip, scene.source.frames)
        for scene in scenes
        if scene.source.draws is None
    }
    if found != known:
        store.put_bytes(json.dumps(found, indent=1, sort_keys=True).encode(), key)
    return {scene.source.scene: found.get(scene.clip.sha256, _DRAWN_LIKENESS) for scene in scenes}


def plays_slower(scene: SceneInput, likeness: float) -> bool:
    """Return whether a scene may play slower: what is drawn between its frames holds, and it stands by itself."""
    return likeness >= SMOOTH_SSIM and scene.source.after is None and scene.source.skip == 0
