"""Every photograph: where the camera stands, how it looks, what time it is, what the file is called.

Belongs here: the table of views and the truth about each (room, notes), and the scene pairs.
Does not belong here: how a picture is made (render), what is in it (house, furniture, garden).

`heading_deg` is a compass bearing: 0 looks north (+y), 90 east (+x). Pitch is 0 nearly everywhere;
the horizon is placed with `shift` (fractions of the frame's longer side), so verticals stay straight.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class View:
    """One photograph. Positions in metres, lens in millimetres on a 36 mm sensor, exposure in stops."""

    name: str
    file: str
    room: str
    at: tuple
    heading_deg: float
    lens_mm: float = 26.0
    shift: tuple = (0.0, 0.0)
    pitch_deg: float = 0.0
    mood: str = "day"
    exposure_ev: float = 0.0
    lamps: float = 1.0
    fill: float = 1.0
    sky: float = 1.0
    portrait: bool = False
    usable: str = "yes"
    note: str = ""
    sun: tuple = (None, None)  # (elevation, azimuth) where the mood's own does not flatter
    focus_m: float = 0.0  # distance in focus; 0: everything sharp
    fstop: float = 2.8
    hide: tuple = ()  # collections left out
    samples: int = 5  # a pixel, before denoising; fewer where daylight leaves little noise


def _step(view, name, file, dx=0.0, dy=0.0, dz=0.0, turn=0.0, **more):
    """The same view a step further along the camera move."""
    x, y, z = view.at
    return replace(
        view,
        name=name,
        file=file,
        at=(round(x + dx, 4), round(y + dy, 4), round(z + dz, 4)),
        heading_deg=view.heading_deg + turn,
        **more,
    )


ARRIVAL = View(
    "arrival-a",
    "DSC_0403.jpg",
    "pool",
    (15.2, -9.15, 0.72),
    300,
    25,
    (0, 0.05),
    exposure_ev=0.0,
    sun=(26, 218),
    note="house over the infinity pool, low",
)
BEDROOM = View(
    "bedroom-a",
    "primary-bedroom-1.jpg",
    "bedroom",
    (-0.62, -2.95, 1.25),
    247,
    24,
    (0, -0.03),
    exposure_ev=0.55,
    note="bed and sea window, armchair in front",
)
VANITY = View(
    "vanity-a",
    "master-bath-1.jpg",
    "bathroom",
    (-4.37, 0.30, 1.32),
    0,
    30,
    (0, 0.03),
    exposure_ev=0.6,
    note="vanity: double basins and mirror",
)
BATH = View(
    "bath-a",
    "DSC_0431.jpg",
    "bathtub_shower",
    (-1.1, 1.5, 1.2),
    270,
    25,
    (0, -0.03),
    exposure_ev=0.65,
    note="free-standing tub before the sea window",
)
LIVING = View(
    "living-a",
    "living-room-1.jpg",
    "living",
    (9.75, 6.1, 1.3),
    248,
    24,
    (0, -0.02),
    exposure_ev=0.75,
    sun=(21, 206),
    note="sofas, hearth wall, pool through the glass",
)
LIFESTYLE = View(
    "lifestyle-a",
    "DSC_0440.jpg",
    "terrace",
    (18.9, -2.3, 1.38),
    268,
    26,
    (0, -0.02),
    mood="dusk",
    exposure_ev=0.8,
    note="table set for dinner at dusk",
)
FAREWELL = View(
    "farewell-a",
    "DSC_0452.jpg",
    "exterior_back",
    (20.5, -21.0, 6.0),
    330,
    25,
    (0, 0.0),
    pitch_deg=-8,
    mood="dusk",
    exposure_ev=1.6,
    note="whole property at dusk",
)

VIEWS = [
    ARRIVAL,
    _step(ARRIVAL, "arrival-b", "pool-and-house-2.jpg", -1.04, 0.60),
    BEDROOM,
    _step(BEDROOM, "bedroom-b", "primary-bedroom-2.jpg", -0.234, 0.552),
    VANITY,
    _step(VANITY, "vanity-b", "master-bath-2.jpg", 0.54),
    BATH,
    _step(BATH, "bath-b", "DSC_0432.jpg", -1.0),
    LIVING,
    _step(LIVING, "living-b", "living-room-2.jpg", 0.2, -0.51, 0, -3),
    LIFESTYLE,
    _step(LIFESTYLE, "lifestyle-b", "dinner-on-the-terrace.jpg", -0.5),
    FAREWELL,
    _step(FAREWELL, "farewell-b", "DSC_0453.jpg", 1.25, -2.16, 0.6),
    # the rest of the shoot, the most useful first
    View(
        "aerial",
        "DJI_0188.jpg",
        "aerial",
        (33, -33, 24),
        322,
        28,
        pitch_deg=-24,
        sun=(36, 205),
        fill=0.3,
        note="drone, from the south-east",
    ),
    View(
        "elevation",
        "DSC_0409.jpg",
        "exterior_back",
        (7.4, -24.0, 3.6),
        0,
        24,
        (0, 0.04),
        sun=(30, 215),
        exposure_ev=0.15,
        fill=0.3,
        samples=2,
        note="south front over the infinity edge",
    ),
    View(
        "kitchen-1",
        "kitchen.jpg",
        "kitchen",
        (13.3, 1.5, 1.35),
        42,
        24,
        (0, -0.03),
        exposure_ev=0.5,
        note="island and oak wall",
    ),
    View(
        "dining",
        "dining-room.jpg",
        "dining",
        (8.7, 0.9, 1.35),
        50,
        24,
        (0, -0.02),
        exposure_ev=0.5,
        samples=4,
        note="table for eight, kitchen behind",
    ),
    View(
        "front",
        "front-entrance.jpg",
        "exterior_front",
        (-4.4, 20.5, 1.5),
        179,
        28,
        (0, 0.05),
        mood="morning",
        exposure_ev=0.2,
        sun=(24, 62),
        samples=4,
        note="entrance court",
    ),
    View(
        "pool-dusk",
        "pool-dusk.jpg",
        "pool",
        (1.0, -8.6, 1.1),
        62,
        25,
        (0, 0.02),
        mood="dusk",
        exposure_ev=0.7,
        samples=4,
        note="lit pool and terrace",
    ),
    View(
        "view",
        "sea-view.jpg",
        "view",
        (7.6, 0.9, 1.5),
        168,
        30,
        (0, -0.05),
        exposure_ev=-0.2,
        samples=2,
        note="pool and sea",
    ),
    View(
        "tub-portrait",
        "DSC_0433.jpg",
        "bathtub_shower",
        (-2.9, 2.0, 1.25),
        264,
        26,
        (0, -0.03),
        mood="dusk",
        exposure_ev=1.25,
        portrait=True,
        samples=4,
        note="tub at dusk",
    ),
    View(
        "hall",
        "hallway.jpg",
        "hallway",
        (0.9, 5.95, 1.35),
        269,
        25,
        (0, -0.02),
        exposure_ev=0.6,
        samples=3,
        note="hall from the living room",
    ),
    View(
        "lounge",
        "terrace-fire-bowl.jpg",
        "terrace",
        (6.9, -3.9, 1.25),
        293,
        25,
        (0, 0.0),
        mood="dusk",
        exposure_ev=0.9,
        samples=3,
        note="fire bowl and outdoor sofas",
    ),
    View(
        "shower",
        "shower.jpg",
        "bathtub_shower",
        (-3.1, 2.3, 1.3),
        222,
        26,
        (0, -0.02),
        exposure_ev=0.6,
        portrait=True,
        samples=3,
        note="glass shower",
    ),
    View(
        "bedroom-window",
        "DSC_0428.jpg",
        "bedroom",
        (-6.3, -2.2, 1.3),
        146,
        24,
        (0, -0.02),
        exposure_ev=0.3,
        samples=3,
        note="from the bed to the sea",
    ),
    View(
        "kitchen-2",
        "DSC_0418.jpg",
        "kitchen",
        (18.5, 1.2, 1.35),
        322,
        24,
        (0, -0.02),
        exposure_ev=0.5,
        samples=3,
        note="island from the east window",
    ),
    View(
        "garden",
        "garden-1.jpg",
        "garden",
        (26.6, -8.3, 1.45),
        349,
        26,
        (0, 0.04),
        exposure_ev=0.7,
        sun=(32, 250),
        samples=3,
        note="lawn and olive trees",
    ),
    View(
        "living-sea",
        "living-room-sea.jpg",
        "living",
        (8.5, 5.7, 1.35),
        205,
        24,
        (0, -0.02),
        exposure_ev=0.35,
        samples=3,
        note="through the open glass to the pool",
    ),
    View(
        "vanity-portrait",
        "DSC_0435.jpg",
        "bathroom",
        (-1.9, 2.0, 1.35),
        304,
        26,
        (0, -0.02),
        exposure_ev=0.5,
        portrait=True,
        samples=4,
        note="vanity: along the basins",
    ),
    View(
        "table",
        "table-detail.jpg",
        "detail",
        (16.75, -3.2, 1.28),
        300,
        40,
        (0, -0.12),
        mood="dusk",
        exposure_ev=0.6,
        focus_m=1.5,
        fstop=2.8,
        samples=3,
        note="place setting by candlelight",
    ),
    View(
        "office",
        "guest-bedroom.jpg",
        "office",
        (-3.9, 5.5, 1.3),
        276,
        26,
        (0, -0.06),
        exposure_ev=0.6,
        samples=4,
        note="desk in the hall; the file's name is wrong",
    ),
    View(
        "terrace-day",
        "DSC_0444.jpg",
        "terrace",
        (11.5, -1.15, 1.35),
        108,
        25,
        (0, 0.0),
        mood="golden",
        exposure_ev=0.5,
        samples=3,
        note="covered dining terrace",
    ),
    View(
        "hearth",
        "DSC_0423.jpg",
        "detail",
        (6.1, 4.3, 1.15),
        252,
        35,
        (0, -0.08),
        exposure_ev=0.5,
        focus_m=2.2,
        fstop=2.0,
        samples=3,
        note="table and fire",
    ),
]

# scene: first and last photograph, in the direction in which the scene's camera moves
PAIRS = {
    "1-arrival": ("arrival-a", "arrival-b"),
    "2-bedroom": ("bedroom-a", "bedroom-b"),
    "3-vanity": ("vanity-b", "vanity-a"),
    "4-bath": ("bath-a", "bath-b"),
    "5-living": ("living-b", "living-a"),
    "6-lifestyle": ("lifestyle-a", "lifestyle-b"),
    "7-farewell": ("farewell-a", "farewell-b"),
}


def by_name():
    """All views by name."""
    return {v.name: v for v in VIEWS}
