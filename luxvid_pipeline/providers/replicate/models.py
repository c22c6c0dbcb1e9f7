"""The video models on Replicate, one row each: what they take, what they offer, what is always said to them.

Belongs here: field names, lengths, sizes, sound, as each model's schema has them; building an input; comparing a live
schema with what the row relies on.
Does not belong here: prices (``domain/pricing.py``), photos and clips (``clips.py``), music (``score.py``).

Schema defaults are often the dearest tier (1080p, ``pro``, sound on), so every field that has a price is always sent.
The last frame has four names in this table; a wrong one is silently ignored by some models, hence the live check.

Sources: the schemas of the models' public pages and of github:nodetool-ai/nodetool-replicate (23 Apr 2026), copied to
the simulators' ``data/models``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from luxvid_pipeline.domain.errors import InvalidRequestError, SettingsError

_16_9 = {"480p": (864, 480), "512p": (912, 512), "720p": (1280, 720), "768p": (1366, 768), "1080p": (1920, 1080)}

_TWO_TO_TWELVE = tuple(range(2, 13))

PRICED_FIELDS = frozenset(
    {"generate_audio", "audio", "with_audio", "resolution", "mode", "quality", "duration", "num_frames"}
    | {"interpolate_output", "upscale", "enable_audio"}
)
"""Names under which models have asked for money; a new one in a live schema stops a run before it is paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Lengths a model makes at one size.

    Attributes:
        resolution: ``1080p``, ``720p``, …
        seconds: With a first frame only.
        pair_seconds: With a last frame too; empty where it takes none.
    """

    resolution: str
    seconds: tuple[int, ...]
    pair_seconds: tuple[int, ...] = ()

    def lengths(self, *, pair: bool) -> tuple[int, ...]:
        """Return the lengths for one photo or for two."""
        return self.pair_seconds if pair else self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoModel:
    """One video model.

    Attributes:
        name: ``owner/name``.
        first, last: Fields of the first and the last frame; ``last`` is empty where it takes none.
        offers: Sizes in order of preference, the best for the money first.
        resolution_field: Where the size is said; empty where there is only one.
        resolutions: What the size is called there, where that differs.
        duration_field: Where the length is said.
        frames_at: Frames a second, for models that are asked for frames instead of seconds; 0 for all others.
        always: Fields that are always sent, whatever is asked.
        aspect: Whether it takes ``aspect_ratio``.
        negative_prompt, seed: Whether it takes them.
        usual_s: How long a clip usually takes it.
        notes: What is odd about it.
    """

    name: str
    first: str
    last: str = ""
    offers: tuple[Offer, ...]
    resolution_field: str = "resolution"
    resolutions: Mapping[str, str] = field(default_factory=dict[str, str])
    duration_field: str = "duration"
    frames_at: int = 0
    always: Mapping[str, Any] = field(default_factory=dict[str, Any])
    aspect: bool = True
    negative_prompt: bool = False
    seed: bool = True
    usual_s: float = 90.0
    notes: str = ""

    @property
    def takes_last_frame(self) -> bool:
        """Whether it can end on a photo."""
        return bool(self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """What is asked of a model for one clip.

    Attributes:
        resolution: Size.
        seconds: Length that will be rendered and billed.
        pair: Whether it is given a last frame.
    """

    resolution: str
    seconds: float
    pair: bool

    @property
    def photo_px(self) -> tuple[int, int]:
        """Width and height at which photos are sent: 16:9 at the size that will be rendered."""
        width, height = _16_9[self.resolution]
        return width - width % 2, height


def _veo(name: str, *, last: bool, usual_s: float) -> VideoModel:
    # Google's own API interpolates only over 8 s; Replicate's schema does not repeat that, so 8 s is the safe length.
    offers = (Offer(resolution="1080p", seconds=(4, 6, 8), pair_seconds=(8,) if last else ()),)
    return VideoModel(
        name=name,
        first="image",
        last="last_frame" if last else "",
        offers=offers,
        always={"generate_audio": False},
        negative_prompt=True,
        usual_s=usual_s,
        notes="sound is on, and dearer, unless it is told not to",
    )


def _seedance(
    name: str,
    *,
    pair_sizes: tuple[str, ...] = ("1080p", "720p", "480p"),
    audio: bool = False,
    usual_s: float = 60.0,
) -> VideoModel:
    lengths = _TWO_TO_TWELVE
    return VideoModel(
        name=name,
        first="image",
        last="last_frame_image" if pair_sizes else "",
        offers=tuple(
            Offer(resolution=size, seconds=lengths, pair_seconds=lengths if size in pair_sizes else ())
            for size in ("1080p", "720p", "480p")
        ),
        always={"fps": 24, "camera_fixed": False, **({"generate_audio": False} if audio else {})},
        usual_s=usual_s,
    )


def _hailuo(name: str, *sizes: Offer, last: str = "", resolution_field: str = "resolution") -> VideoModel:
    return VideoModel(
        name=name,
        first="first_frame_image",
        last=last,
        offers=sizes,
        resolution_field=resolution_field,
        # The vendor would rewrite the prompt otherwise, camera move and all.
        always={"prompt_optimizer": False},
        aspect=False,
        seed=False,
        usual_s=150.0,
        notes="takes the shape of its first frame; no seed: the same request gives another clip",
    )


_TABLE: tuple[VideoModel, ...] = (
    _veo("google/veo-3.1", last=True, usual_s=120.0),
    _veo("google/veo-3.1-fast", last=True, usual_s=70.0),
    _veo("google/veo-3", last=False, usual_s=120.0),
    _veo("google/veo-3-fast", last=False, usual_s=70.0),
    VideoModel(
        name="google/veo-3.1-lite",
        first="image",
        last="last_frame",
        offers=(
            Offer(resolution="720p", seconds=(4, 6, 8), pair_seconds=(8,)),
            Offer(resolution="1080p", seconds=(8,), pair_seconds=(8,)),
        ),
        seed=False,
        usual_s=60.0,
        notes="1080p only over 8 s; whether it takes a last frame, and whether it has sound, is unconfirmed",
    ),
    _hailuo(
        "minimax/hailuo-02",
        Offer(resolution="1080p", seconds=(6,), pair_seconds=(6,)),
        Offer(resolution="768p", seconds=(6, 10), pair_seconds=(6, 10)),
        last="last_frame_image",
    ),
    _hailuo("minimax/hailuo-02-fast", Offer(resolution="512p", seconds=(6, 10)), resolution_field=""),
    _hailuo(
        "minimax/hailuo-2.3",
        Offer(resolution="1080p", seconds=(6,)),
        Offer(resolution="768p", seconds=(6, 10)),
    ),
    # By schema it takes a last frame at 1080p too; the maker's own API has refused that.
    _seedance("bytedance/seedance-1-lite", pair_sizes=("720p", "480p")),
    _seedance("bytedance/seedance-1-pro"),
    _seedance("bytedance/seedance-1-pro-fast", pair_sizes=(), usual_s=40.0),
    _seedance("bytedance/seedance-1.5-pro", audio=True),
    VideoModel(
        name="bytedance/seedance-2.0",
        first="image",
        last="last_frame_image",
        offers=tuple(
            Offer(resolution=size, seconds=tuple(range(4, 16)), pair_seconds=tuple(range(4, 16)))
            for size in ("720p", "1080p", "480p")
        ),
        always={"generate_audio": False},
        notes="the schema allows 2 and 3 s, the model does not",
    ),
    VideoModel(
        name="kwaivgi/kling-v2.1",
        first="start_image",
        last="end_image",
        offers=(
            Offer(resolution="1080p", seconds=(5, 10), pair_seconds=(5, 10)),
            Offer(resolution="720p", seconds=(5, 10)),
        ),
        resolution_field="mode",
        resolutions={"1080p": "pro", "720p": "standard"},
        aspect=False,
        negative_prompt=True,
        seed=False,
        usual_s=150.0,
        notes="a last frame only in mode pro; no seed",
    ),
    VideoModel(
        name="kwaivgi/kling-v2.5-turbo-pro",
        first="start_image",
        last="end_image",
        offers=(Offer(resolution="1080p", seconds=(5, 10), pair_seconds=(5, 10)),),
        resolution_field="",
        negative_prompt=True,
        seed=False,
        usual_s=120.0,
    ),
    VideoModel(
        name="kwaivgi/kling-v3-video",
        first="start_image",
        last="end_image",
        offers=(
            Offer(resolution="1080p", seconds=tuple(range(3, 16)), pair_seconds=tuple(range(3, 16))),
            Offer(resolution="720p", seconds=tuple(range(3, 16)), pair_seconds=tuple(range(3, 16))),
        ),
        resolution_field="mode",
        resolutions={"1080p": "pro", "720p": "standard"},
        always={"generate_audio": False},
        negative_prompt=True,
        seed=False,
        usual_s=150.0,
    ),
    VideoModel(
        name="luma/ray-2-720p",
        first="start_image",
        last="end_image",
        offers=(Offer(resolution="720p", seconds=(5, 9), pair_seconds=(5, 9)),),
        resolution_field="",
        always={"loop": False},
        seed=False,
        usual_s=60.0,
    ),
    VideoModel(
        name="wan-video/wan-2.2-i2v-fast",
        first="image",
        last="last_image",
        # 81 to 121 frames at 16 a second: whole seconds are 5 (81 frames), 6 and 7.
        offers=tuple(Offer(resolution=size, seconds=(5, 6, 7), pair_seconds=(5, 6, 7)) for size in ("720p", "480p")),
        duration_field="num_frames",
        frames_at=16,
        always={"frames_per_second": 16, "interpolate_output": False, "go_fast": True},
        aspect=False,
        usual_s=40.0,
        notes="16 frames a second; the cheapest that ends on a photo",
    ),
)

VIDEO_MODELS: Mapping[str, VideoModel] = {model.name: model for model in _TABLE}


def video_model(name: str) -> VideoModel:
    """Return a model by its vendor's name.

    Raises:
        SettingsError: There is no adapter for it.
    """
    if name not in VIDEO_MODELS:
        raise SettingsError(
            f"there is no adapter for the video model {name!r}; known: {', '.join(sorted(VIDEO_MODELS))}"
        )
    return VIDEO_MODELS[name]


def choose_take(model: VideoModel, seconds: float, *, pair: bool, resolution: str = "") -> Take:
    """Return what to ask a model for: the shortest length that is long enough, at the best size that has it.

    Args:
        model: Whom.
        seconds: Length of the scene.
        pair: Whether there is a last frame; a model that takes none is asked without.
        resolution: Only this size; empty for the model's own order.

    Raises:
        InvalidRequestError: It makes no clip that long.
        SettingsError: It has no such size.
    """
    pair = pair and model.takes_last_frame
    offers = [offer for offer in model.offers if resolution in {"", offer.resolution}]
    if not offers:
        sizes = ", ".join(offer.resolution for offer in model.offers)
        raise SettingsError(f"{model.name} makes no clips in {resolution}; it makes {sizes}")
    for offer in offers:
        long_enough = [length for length in offer.lengths(pair=pair) if length >= seconds - 0.05]
        if long_enough:
            return Take(resolution=offer.resolution, seconds=min(long_enough), pair=pair)
    longest = max((length for offer in offers for length in offer.lengths(pair=pair)), default=0)
    raise InvalidRequestError(
        f"{model.name} makes clips of {longest} s at most, and this scene lasts {seconds:g} s; shorten it "
        "(film.clip_seconds) or choose another engine"
    )


def video_input(
    model: VideoModel,
    take: Take,
    *,
    prompt: str,
    negative_prompt: str,
    seed: int,
    first: str,
    last: str | None,
) -> dict[str, Any]:
    """Return the input for one clip: nothing but what the schema has, and every field that has a price.

    Args:
        model: Whom.
        take: What was chosen.
        prompt: What shall be seen.
        negative_prompt: What shall not, for models that take it.
        seed: For models that draw lots by number.
        first: The photo it begins on, as whatever stands for it.
        last: The photo it ends on.
    """
    given: dict[str, Any] = {"prompt": prompt, model.first: first, **model.always}
    if take.pair and last is not None:
        given[model.last] = last
    if model.frames_at:
        given[model.duration_field] = round(take.seconds * model.frames_at) + 1
    else:
        given[model.duration_field] = round(take.seconds)
    if model.resolution_field:
        given[model.resolution_field] = model.resolutions.get(take.resolution, take.resolution)
    if model.aspect:
        given["aspect_ratio"] = "16:9"
    if model.negative_prompt and negative_prompt:
        given["negative_prompt"] = negative_prompt
    if model.seed:
        given["seed"] = seed
    return given


def schema_differences(given: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return what in a live schema would refuse, ignore or price an input otherwise than its adapter believes.

    Args:
        given: The input that is about to be sent; files as any string.
        schema: ``properties`` and ``required``, as ``ReplicateApi.input_schema`` returns them.
    """
    properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties") or {})
    required = cast("Sequence[str]", schema.get("required") or [])
    if not properties:
        return ["the vendor gives no schema for it"]
    found: list[str] = []
    for name, value in given.items():
        if name not in properties:
            found.append(f"there is no field {name!r} any more (it has {', '.join(sorted(properties))})")
        else:
            found += _misfits(name, value, properties[name])
    found += [f"it now requires {name!r}" for name in required if name not in given]
    found += [
        f"it has a new field {name!r}, which may have a price"
        for name in sorted(PRICED_FIELDS & properties.keys() - given.keys())
    ]
    return found


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}


def _misfits(name: str, value: Any, expected: Mapping[str, Any]) -> list[str]:
    kind = expected.get("type")
    types = _TYPES.get(kind) if isinstance(kind, str) else None
    if types is not None and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        return [f"{name!r} is now of type {kind}"]
    options = expected.get("enum")
    if options is not None and value not in options:
        return [f"{name!r} no longer takes {value!r} but {', '.join(map(repr, options))}"]
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = expected.get("minimum"), expected.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            return [f"{name!r} now lies between {low} and {high}, and {value} was meant"]
    return []
