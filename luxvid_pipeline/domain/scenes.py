"""The seven scenes: what each shows, how its camera moves, what it needs from the photos, how its score sounds.

Belongs here: everything that is the same for every listing, as one table.
Does not belong here: what is particular to a listing (``domain/storyboard.py``), choosing photos
(``domain/pairing.py``), drawing frames (``providers/local/camera.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from luxvid_pipeline.domain.rooms import Room


class MoveKind(StrEnum):
    """The camera moves of the film trade that the scenes use."""

    DOLLY_FORWARD = "dolly forward"
    TRUCK = "truck"
    PUSH_IN = "push-in"
    SWEEP = "sweep"
    HOLD = "hold"
    PULL_BACK = "pull-back"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMove:
    """A move of the virtual camera from the first frame to the last, as a still photograph can support it.

    Attributes:
        kind: What the trade calls it.
        zoom: Magnification of the last frame over the first; above 1 goes in, below 1 goes back.
        travel_x: How far the view travels to the right over the photo, in frame widths; negative goes left.
        travel_y: How far it travels down, in frame heights; negative goes up.
        yaw_deg: Rotation of the virtual camera to the right over the move, in degrees (a homography).
        pitch_deg: Rotation upwards, in degrees.
    """

    kind: MoveKind
    zoom: float = 1.0
    travel_x: float = 0.0
    travel_y: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoNeeds:
    """What a scene looks for in a photo, as weights that add up to 1, beside the room's fit.

    Attributes:
        sharpness, exposure, resolution, aspect: General quality; ``aspect`` is closeness to 16:9.
        depth, symmetry, warmth: What this scene's camera lives on.
    """

    sharpness: float = 0.25
    exposure: float = 0.2
    resolution: float = 0.15
    aspect: float = 0.15
    depth: float = 0.0
    symmetry: float = 0.0
    warmth: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreMood:
    """How a scene's four seconds of score sound.

    Attributes:
        words: The mood, for people and for models.
        intensity: 0 (sparse) to 1 (full swell).
    """

    words: str
    intensity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One of the seven scenes, the same for every listing.

    Attributes:
        key: Partition key.
        title: Plain name.
        shows: What is in the picture.
        asks_for: What a listing without it lacks, to complete "no photo shows …".
        camera: The move.
        rooms: Rooms that may honestly play this scene, each with its fit from 0 to 1; anything else never does.
        needs: What it looks for in a photo.
        wanted_features: Catalogue features that speak for a photo, each with a bonus from 0 to 1.
        prompt: Video prompt template; ``{subject}`` and ``{title}`` are filled by the writer.
        details: Catalogue feature to a clause that the prompt gains only where the photo has that feature.
        negative_prompt: What must not appear.
        score: Mood of the score.
    """

    key: str
    title: str
    shows: str
    asks_for: str
    camera: CameraMove
    rooms: Mapping[Room, float]
    needs: PhotoNeeds
    wanted_features: Mapping[str, float]
    prompt: str
    details: Mapping[str, str]
    negative_prompt: str
    score: ScoreMood

    @property
    def number(self) -> int:
        """Place in the film, from 1."""
        return int(self.key.split("-", 1)[0])


_NEVER = (
    "people, animals, text, watermark, logo, new furniture, changed architecture, bent lines, flicker, morphing, "
    "fast motion, camera shake"
)

SCENES: tuple[Scene, ...] = (
    Scene(
        key="1-arrival",
        title="Arrival",
        shows="the hero exterior, ideally over water",
        asks_for="the house from outside",
        camera=CameraMove(kind=MoveKind.DOLLY_FORWARD, zoom=1.18, travel_y=-0.01),
        rooms={
            Room.POOL: 1.0,
            Room.EXTERIOR_FRONT: 0.95,
            Room.EXTERIOR_BACK: 0.9,
            Room.AERIAL: 0.55,
            Room.TERRACE: 0.5,
            Room.GARDEN: 0.4,
            Room.VIEW: 0.3,
        },
        needs=PhotoNeeds(depth=0.25),
        wanted_features={"water": 0.4, "sky": 0.3, "symmetry": 0.15, "dusk": 0.15},
        prompt=(
            "Slow cinematic dolly forward at a low angle towards {subject}, {title}, architecture perfectly still, "
            "natural light, photorealistic"
        ),
        details={"water": "water rippling gently in the foreground", "dusk": "windows glowing against the dusk"},
        negative_prompt=_NEVER,
        score=ScoreMood(words="ambient opening, soft water, sparse", intensity=0.15),
    ),
    Scene(
        key="2-bedroom",
        title="Principal bedroom",
        shows="the principal bedroom",
        asks_for="a bedroom",
        camera=CameraMove(kind=MoveKind.TRUCK, zoom=1.03, travel_x=0.09, yaw_deg=1.0),
        rooms={Room.BEDROOM: 1.0},
        needs=PhotoNeeds(depth=0.25),
        wanted_features={"principal": 0.5, "bed": 0.3, "window": 0.3, "bright": 0.15},
        prompt=(
            "Slow lateral truck through {subject}, {title}, a soft foreground edge passing the frame, "
            "straight lines stay straight, photorealistic"
        ),
        details={"window": "daylight falling in through the window"},
        negative_prompt=_NEVER,
        score=ScoreMood(words="warm, gentle motion", intensity=0.3),
    ),
    Scene(
        key="3-vanity",
        title="Vanity",
        shows="the bathroom vanity",
        asks_for="a bathroom",
        camera=CameraMove(kind=MoveKind.TRUCK, zoom=1.02, travel_x=-0.08),
        rooms={Room.BATHROOM: 1.0, Room.BATHTUB_SHOWER: 0.45},
        needs=PhotoNeeds(symmetry=0.25),
        wanted_features={"mirror": 0.4, "basin": 0.4, "symmetry": 0.3},
        prompt=(
            "Precise sideways truck along the straight lines of {subject}, {title}, clean even light, "
            "nobody in any reflection, photorealistic"
        ),
        details={"mirror": "the mirror clear and still", "symmetry": "the symmetry of the room kept exactly"},
        negative_prompt=_NEVER + ", photographer, camera in mirror",
        score=ScoreMood(words="light, precise", intensity=0.4),
    ),
    Scene(
        key="4-bath",
        title="Bath",
        shows="the tub or the shower",
        asks_for="a tub or shower",
        camera=CameraMove(kind=MoveKind.PUSH_IN, zoom=1.2),
        rooms={Room.BATHTUB_SHOWER: 1.0, Room.BATHROOM: 0.6},
        needs=PhotoNeeds(depth=0.15, symmetry=0.1),
        wanted_features={"tub": 0.5, "shower": 0.3, "window": 0.15},
        prompt="Slow push-in on {subject}, {title}, held in the centre, soft light, photorealistic",
        details={"window": "soft daylight from the window", "tub": "the tub the only subject"},
        negative_prompt=_NEVER,
        score=ScoreMood(words="intimate, rising", intensity=0.5),
    ),
    Scene(
        key="5-living",
        title="Living room",
        shows="the living room",
        asks_for="a living room",
        camera=CameraMove(kind=MoveKind.SWEEP, zoom=1.04, travel_x=0.13, yaw_deg=2.0),
        rooms={Room.LIVING: 1.0, Room.DINING: 0.45, Room.HALLWAY: 0.2},
        needs=PhotoNeeds(depth=0.15, resolution=0.2, aspect=0.2),
        wanted_features={"window": 0.4, "wide": 0.3, "bright": 0.15},
        prompt="Wide sweeping camera move across {subject}, {title}, generous scale, photorealistic",
        details={"window": "light coming in through the windows"},
        negative_prompt=_NEVER,
        score=ScoreMood(words="broad, opening up", intensity=0.7),
    ),
    Scene(
        key="6-lifestyle",
        title="Lifestyle",
        shows="dining, kitchen or terrace set for use",
        asks_for="a dining area, a kitchen or a terrace",
        camera=CameraMove(kind=MoveKind.HOLD, zoom=1.03, travel_x=0.01),
        rooms={Room.DINING: 1.0, Room.TERRACE: 0.95, Room.KITCHEN: 0.85, Room.EXTERIOR_BACK: 0.4, Room.GARDEN: 0.3},
        needs=PhotoNeeds(warmth=0.25),
        wanted_features={"table": 0.5, "dusk": 0.2, "warm": 0.2},
        prompt="Almost static shot of {subject}, {title}, calm, the faintest drift of the camera, photorealistic",
        details={"table": "the table ready for guests", "warm": "warm light", "dusk": "evening light"},
        negative_prompt=_NEVER,
        score=ScoreMood(words="calm, human", intensity=0.6),
    ),
    Scene(
        key="7-farewell",
        title="Farewell",
        shows="the whole property",
        asks_for="the property from outside",
        camera=CameraMove(kind=MoveKind.PULL_BACK, zoom=0.82, travel_y=0.01),
        rooms={
            Room.AERIAL: 1.0,
            Room.EXTERIOR_FRONT: 0.9,
            Room.EXTERIOR_BACK: 0.9,
            Room.POOL: 0.65,
            Room.VIEW: 0.6,
            Room.GARDEN: 0.45,
            Room.TERRACE: 0.35,
        },
        needs=PhotoNeeds(depth=0.15, resolution=0.2, aspect=0.2),
        wanted_features={"dusk": 0.4, "sky": 0.3, "wide": 0.2},
        prompt=(
            "Slow pull-back from {subject}, {title}, to the widest view the photograph holds, "
            "architecture perfectly still, photorealistic"
        ),
        details={"dusk": "evening light", "sky": "a wide, quiet sky"},
        negative_prompt=_NEVER,
        score=ScoreMood(words="full swell, resolving end", intensity=1.0),
    ),
)

SCENE_KEYS: tuple[str, ...] = tuple(scene.key for scene in SCENES)


def scene(key: str) -> Scene:
    """Return the scene with this partition key.

    Raises:
        KeyError: No scene has it.
    """
    return _BY_KEY[key]


_BY_KEY = {each.key: each for each in SCENES}
