"""What makes the house lived in: sofas, tables, beds, kitchen, bath, lamps, curtains, books, table settings.

Belongs here: pieces of furniture, each modelled around its own origin on the floor and facing -y, and `build()`,
which furnishes every room. A lamp's body brings its light with it.
Does not belong here: fixed lights (light), plants themselves (garden), walls (house).
"""

import math
import random

import garden
import light
import materials as m
import mesh as g
import numpy as np

# recurring finishes
LINEN = ("fabric", 0.66, 0.62, 0.55)
SAND = ("fabric", 0.52, 0.46, 0.38)
IVORY = ("fabric", 0.76, 0.73, 0.67)
CHARCOAL = ("fabric", 0.075, 0.075, 0.08)
RUST = ("fabric", 0.36, 0.15, 0.075)
SEA = ("fabric", 0.10, 0.19, 0.22)
OLIVE = ("fabric", 0.20, 0.20, 0.12)
BRASS = ("metal", 0.62, 0.45, 0.22, 0.28, 1.0)
BLACK = ("metal", 0.02, 0.02, 0.021, 0.45, 0.6)
STEEL = ("metal", 0.60, 0.60, 0.60, 0.24, 1.0)


def mat(spec):
    """A material from a tuple."""
    return m.get(*spec)


def cushion(x, y, z, w, h, t, spec, seed=0, lean=70, turn=0, roll=0):
    """A scatter cushion leaning back; z is where its lower edge rests."""
    a = math.radians(lean)
    with g.placed(x, y, z + h / 2 * math.sin(a) * 0.96 + t * 0.12, turn), g.placed(tilt_deg=lean):
        with g.placed(turn_deg=roll):
            g.pillow(w, h, t, mat(spec), seed)


def throw(fn, spec, nu=26, nv=40, thick=0.008):
    """A blanket following fn(u, v)."""
    return g.sheet(fn, nu, nv, mat(spec), thick, "throw")


def sofa(w=2.9, d=1.0, spec=LINEN, seats=3, arms=True, seed=0, back=True):
    """A deep, low sofa with loose cushions; origin at the middle of its footprint."""
    base = mat(spec)
    arm = 0.20 if arms else 0
    g.cbox(0, 0, 0.07, w - 0.06, d - 0.08, 0.13, mat(("wood", "walnut", "x")), 0.01)
    for x in (-w / 2 + 0.15, w / 2 - 0.15):
        for y in (-d / 2 + 0.12, d / 2 - 0.12):
            g.cbox(x, y, 0, 0.05, 0.05, 0.08, mat(BLACK), 0.004)
    g.soft(0, 0, 0.16, w, d, 0.17, base, 0.05, 0.006, seed)
    if back:
        g.soft(0, d / 2 - 0.11, 0.28, w, 0.22, 0.44, base, 0.07, 0.01, seed + 1)
    if arms:
        for s in (-1, 1):
            g.soft(s * (w / 2 - arm / 2), -0.02, 0.28, arm, d - 0.06, 0.30, base, 0.07, 0.01, seed + 2 + s)
    inner = w - 2 * arm
    for k in range(seats):
        x = -inner / 2 + inner * (k + 0.5) / seats
        g.soft(x, -0.11, 0.325, inner / seats - 0.012, d - 0.26, 0.16, base, 0.06, 0.028, seed + 5 + k, wrinkle=0.007)
        if back:
            with g.placed(x, d / 2 - 0.30, 0.47), g.placed(tilt_deg=-12):
                g.soft(0, 0, 0, inner / seats - 0.03, 0.20, 0.42, base, 0.09, 0.045, seed + 9 + k, wrinkle=0.010)


def lounge_chair(spec=SAND, seed=0, wood="walnut"):
    """A low armchair: bent wooden frame, seat and back cushion."""
    w, wood_m = 0.74, mat(("wood", wood, "y"))
    for s in (-1, 1):
        x = s * (w / 2 - 0.02)
        g.tube(g.arc((x, -0.36, 0), (x, -0.36, 0.3), (x, -0.33, 0.56), 8), 0.019, wood_m)
        g.tube(g.arc((x, 0.42, 0), (x, 0.30, 0.3), (x, 0.34, 0.60), 8), 0.019, wood_m)
        g.tube([(x, -0.40, 0.565), (x, -0.1, 0.575), (x, 0.25, 0.575), (x, 0.40, 0.60)], 0.022, wood_m)
        g.tube([(x, -0.34, 0.24), (x, 0.36, 0.21)], 0.017, wood_m)
    for y, z in ((-0.33, 0.25), (0.33, 0.22)):
        g.tube([(-w / 2, y, z), (w / 2, y, z)], 0.017, wood_m)
    g.tube([(-w / 2, 0.36, 0.60), (w / 2, 0.36, 0.60)], 0.02, wood_m)
    with g.placed(0, -0.02, 0.27), g.placed(tilt_deg=-5):
        g.soft(0, 0, 0, w - 0.09, 0.70, 0.16, mat(spec), 0.06, 0.03, seed, wrinkle=0.006)
    with g.placed(0, 0.27, 0.42), g.placed(tilt_deg=-17):
        g.soft(0, 0, 0, w - 0.10, 0.17, 0.46, mat(spec), 0.07, 0.04, seed + 1, wrinkle=0.008)


def tub_chair(spec=("boucle",), seed=0):
    """A rounded bouclé armchair on a plinth."""
    g.cyl(0, 0, 0, 0.30, 0.07, mat(("wood", "walnut", "x")), 40)
    g.soft(0, -0.02, 0.07, 0.74, 0.72, 0.34, mat(spec), 0.20, 0.02, seed, n=18)

    def shell(u, v):
        a = math.radians(-25 + 230 * u)
        r = 0.40 + 0.05 * math.sin(v * math.pi)
        top = 0.68 - 0.10 * abs(u * 2 - 1) ** 3
        return r * math.cos(a), r * math.sin(a) + 0.02, 0.16 + (top - 0.16) * v

    g.sheet(shell, 34, 10, mat(spec), 0.13)
    for u in (0, 1):
        a = math.radians(-25 + 230 * u)
        g.soft(0.42 * math.cos(a), 0.42 * math.sin(a) + 0.02, 0.16, 0.14, 0.14, 0.45, mat(spec), 0.068, 0.0, seed + 3)
    pts = [
        (
            0.40 * math.cos(math.radians(-25 + 230 * t)),
            0.40 * math.sin(math.radians(-25 + 230 * t)) + 0.02,
            0.68 - 0.10 * abs(t * 2 - 1) ** 3,
        )
        for t in np.linspace(0, 1, 30)
    ]
    g.tube(pts, 0.066, mat(spec), 14)
    cushion(0, 0.16, 0.38, 0.46, 0.30, 0.14, SAND, seed + 4, 72)


def books(n=3, seed=0, w=0.24, d=0.30):
    """A stack of large books, lying, each turned a little."""
    rng = random.Random(seed)
    z = 0
    for _ in range(n):
        t = rng.uniform(0.018, 0.038)
        ww, dd = w * rng.uniform(0.8, 1.05), d * rng.uniform(0.8, 1.05)
        with g.placed(rng.uniform(-0.008, 0.008), rng.uniform(-0.008, 0.008), z, rng.uniform(-9, 9)):
            for zz in (0, t - 0.003):
                g.cbox(0, 0, zz, ww, dd, 0.003, m.get("books"), 0.0008, 1)
            g.cbox(-ww / 2 + 0.002, 0, 0, 0.004, dd, t, m.get("books"), 0.0008, 1)
            g.cbox(0.002, 0, 0.003, ww - 0.010, dd - 0.010, t - 0.006, m.get("paint", 0.80, 0.77, 0.70, 0.9), 0)
        z += t
    return z


def book_row(length, seed=0, depth=0.22):
    """Books standing along +x from the origin."""
    rng = random.Random(seed)
    x = 0
    while x < length - 0.02:
        t, h, d = rng.uniform(0.014, 0.042), rng.uniform(0.19, 0.30), depth * rng.uniform(0.75, 1)
        g.box((x, -d, 0), (x + t - 0.001, 0, h), m.get("books"), 0.002, 1)
        g.box(
            (x + 0.003, -d + 0.004, 0.004), (x + t - 0.004, 0.001, h - 0.004), m.get("paint", 0.80, 0.77, 0.70, 0.9), 0
        )
        x += t


def vase(style=0, spec=("ceramic", 0.78, 0.74, 0.67, 0.5), s=1.0):
    """A thrown vase. Returns the height of its mouth."""
    prof = [
        [
            (0.001, 0),
            (0.055, 0),
            (0.075, 0.02),
            (0.105, 0.10),
            (0.11, 0.16),
            (0.08, 0.24),
            (0.045, 0.29),
            (0.040, 0.33),
            (0.050, 0.345),
            (0.044, 0.345),
            (0.036, 0.32),
            (0.040, 0.26),
        ],
        [
            (0.001, 0),
            (0.05, 0),
            (0.06, 0.01),
            (0.062, 0.22),
            (0.05, 0.30),
            (0.032, 0.34),
            (0.030, 0.42),
            (0.036, 0.43),
            (0.030, 0.43),
            (0.026, 0.36),
        ],
        [
            (0.001, 0),
            (0.09, 0),
            (0.13, 0.04),
            (0.15, 0.10),
            (0.13, 0.16),
            (0.085, 0.19),
            (0.08, 0.20),
            (0.074, 0.20),
            (0.08, 0.17),
            (0.12, 0.11),
            (0.08, 0.04),
        ],
    ][style]
    g.lathe([(r * s, z * s) for r, z in prof], mat(spec), 48)
    return {0: 0.33, 1: 0.41, 2: 0.18}[style] * s


def branches(
    z, n=5, tall=0.7, seed=0, leaf=("leaf", 0.14, 0.17, 0.09, 0.5, 0.4), blossom=False, leaf_size=(0.055, 0.02)
):
    """Cut branches standing in a vase of mouth height z."""
    rng = np.random.default_rng(seed)
    at, out = [], []
    for k in range(n):
        a, r = rng.uniform(0, 6.28), rng.uniform(0.12, 0.42) * tall
        p = g.arc(
            (0, 0, z - 0.15),
            (math.cos(a) * 0.02, math.sin(a) * 0.02, z + tall * 0.5),
            (math.cos(a) * r, math.sin(a) * r, z + tall * rng.uniform(0.7, 1)),
            14,
        )
        g.tube(p, np.linspace(0.0045, 0.0016, 14), m.get("bark"), 6)
        for i in range(5, 14):
            for _ in range(6):
                at.append(p[i] + rng.normal(0, 0.022, 3))
                out.append((p[i] - p[i - 1]) * 8 + np.array([0, 0, 0.2]))
    lv, lf = garden._leaf_arrays(rng, np.array(at), np.array(out), *leaf_size)
    g.add(g.quads_data("leaves", lv, np.zeros((0, 4), int), mat(leaf), None, True, lf))
    if blossom:
        pts = np.array(at)[rng.integers(0, len(at), 70)]
        lv, lf = garden._leaf_arrays(rng, np.repeat(pts, 5, 0), rng.normal(0, 1, (350, 3)), 0.03, 0.022, 0.0, 0.3)
        g.add(
            g.quads_data(
                "blossom", lv, np.zeros((0, 4), int), m.get("leaf", 0.78, 0.70, 0.68, 0.7, 0.1), None, True, lf
            )
        )


def bowl(r=0.16, h=0.075, spec=("wood", "walnut", "x"), fruit=None, seed=0):
    """A shallow bowl, with fruit if asked."""
    g.lathe(
        [
            (0.001, 0),
            (r * 0.4, 0),
            (r * 0.75, h * 0.45),
            (r, h),
            (r - 0.008, h),
            (r * 0.7, h * 0.5),
            (r * 0.3, 0.012),
            (0.001, 0.011),
        ],
        mat(spec),
        48,
    )
    if fruit:
        rng = random.Random(seed)
        for k in range(7):
            a, rr = k * 1.05, (0 if k == 6 else r * 0.48)
            z = h * 0.62 + (0.045 if k == 6 else 0)
            s = 0.036 * rng.uniform(0.9, 1.1)
            g.lathe(
                [
                    (0.001, z - s * 0.95),
                    (s * 0.6, z - s * 0.8),
                    (s, z),
                    (s * 0.75, z + s * 0.7),
                    (s * 0.2, z + s * 0.92),
                    (0.001, z + s * 0.85),
                ],
                mat(fruit),
                20,
                rr * math.cos(a),
                rr * math.sin(a),
            )


def candle(h=0.12, r=0.035, lit=False):
    """A pillar candle."""
    g.lathe(
        [(0.001, 0), (r, 0), (r, h - 0.004), (r - 0.005, h), (0.004, h - 0.006), (0.001, h - 0.006)],
        m.get("paint", 0.82, 0.76, 0.64, 0.5),
        28,
    )
    g.tube([(0, 0, h - 0.008), (0.001, 0, h + 0.012)], 0.0013, m.get("paint", 0.03, 0.03, 0.03, 0.9), 6)
    if lit:
        g.lathe(
            [(0.001, h + 0.006), (0.006, h + 0.014), (0.0065, h + 0.022), (0.003, h + 0.038), (0.0005, h + 0.050)],
            m.get("glow", 1.0, 0.55, 0.18, 40.0),
            10,
        )
        light.point(0, 0, h + 0.03, 0.9, (1, 0.55, 0.22), 0.012)


def lantern(s=1.0, lit=True):
    """A black garden lantern with a candle."""
    w, h = 0.22 * s, 0.42 * s
    for x in (-1, 1):
        for y in (-1, 1):
            g.cbox(x * (w / 2 - 0.01), y * (w / 2 - 0.01), 0, 0.018, 0.018, h, mat(BLACK), 0.002)
    g.cbox(0, 0, 0, w, w, 0.02, mat(BLACK), 0.003)
    g.cbox(0, 0, h, w + 0.02, w + 0.02, 0.02, mat(BLACK), 0.003)
    g.lathe([(w * 0.42, h + 0.02), (w * 0.2, h + 0.07 * s), (0.02, h + 0.09 * s), (0.001, h + 0.09 * s)], mat(BLACK), 4)
    ring = [(math.cos(a) * 0.05 * s, 0, h + 0.14 * s + math.sin(a) * 0.05 * s) for a in np.linspace(0, 6.28, 20)]
    g.tube(ring, 0.004, mat(BLACK), 8)
    with g.placed(0, 0, 0.02):
        candle(0.16 * s, 0.045 * s, lit)


def table_lamp(h=0.58, spec=("ceramic", 0.62, 0.56, 0.48, 0.5), glow=2.2, watts=7, style=0):
    """A ceramic lamp with a drum shade that lights."""
    if style == 0:
        g.lathe(
            [
                (0.001, 0),
                (0.07, 0),
                (0.075, 0.012),
                (0.055, 0.03),
                (0.09, 0.10),
                (0.105, 0.17),
                (0.085, 0.25),
                (0.03, 0.30),
                (0.018, 0.32),
                (0.012, h - 0.2),
            ],
            mat(spec),
            40,
        )
    else:
        g.cyl(0, 0, 0, 0.085, 0.018, mat(BRASS), 40)
        g.cyl(0, 0, 0.015, 0.010, h - 0.2, mat(BRASS), 20)
        g.lathe([(0.001, 0.05), (0.05, 0.06), (0.062, 0.11), (0.05, 0.16), (0.001, 0.17)], mat(spec), 36)
    r0, r1 = 0.165, 0.14
    g.lathe(
        [(r0, h - 0.25), (r1, h), (r1 - 0.003, h), (r0 - 0.003, h - 0.25)], m.get("shade", 1.0, 0.74, 0.44, glow), 48
    )
    light.point(0, 0, h - 0.12, watts, radius=0.07)


def floor_lamp(h=1.6, watts=12):
    """A slim tripod lamp with a linen shade."""
    for k in range(3):
        a = k * 2.094 + 0.4
        g.tube(
            [(0.26 * math.cos(a), 0.26 * math.sin(a), 0), (0.015 * math.cos(a), 0.015 * math.sin(a), h - 0.28)],
            0.012,
            mat(("wood", "walnut", "z")),
            10,
        )
    g.cyl(0, 0, h - 0.31, 0.028, 0.06, mat(BRASS), 24)
    g.lathe([(0.235, h - 0.30), (0.19, h), (0.187, h), (0.232, h - 0.30)], m.get("shade", 1.0, 0.74, 0.44, 2.0), 56)
    light.point(0, 0, h - 0.15, watts, radius=0.09)


def arc_lamp(reach=1.5, h=2.05, watts=14):
    """An arching floor lamp on a stone foot."""
    g.cyl(0, 0, 0, 0.17, 0.05, m.get("marble", 1), 40)
    p = g.arc((0, 0, 0.04), (0, 0, h * 1.35), (reach, 0, h - 0.12), 30)
    g.tube(p, 0.011, mat(BRASS), 12)
    g.lathe(
        [
            (0.02, h - 0.12),
            (0.10, h - 0.15),
            (0.19, h - 0.29),
            (0.187, h - 0.29),
            (0.098, h - 0.157),
            (0.001, h - 0.13),
        ],
        mat(BRASS),
        40,
        reach,
        0,
    )
    g.lathe(
        [(0.001, h - 0.20), (0.05, h - 0.22), (0.05, h - 0.27), (0.001, h - 0.29)],
        m.get("glow", 1.0, 0.75, 0.45, 9.0),
        20,
        reach,
        0,
    )
    light.point(reach, 0, h - 0.32, watts, radius=0.06)


def pendant(x, y, z, drop, style=0, watts=10):
    """A pendant hanging from height z by `drop`."""
    g.tube([(x, y, z), (x, y, z - drop)], 0.003, mat(BLACK), 8)
    g.cyl(x, y, z - 0.025, 0.05, 0.025, mat(BLACK), 28)
    b = z - drop
    if style == 0:  # opal globe
        g.cyl(x, y, b - 0.02, 0.028, 0.05, mat(BRASS), 24)
        r = 0.13
        g.lathe(
            [(0.001, b - 2 * r - 0.015)]
            + [(r * math.cos(t), b - 0.015 - r + r * math.sin(t)) for t in np.linspace(-1.5, 1.4, 18)],
            m.get("shade", 1.0, 0.78, 0.52, 3.5),
            36,
            x,
            y,
        )
    elif style == 1:  # woven dome
        g.lathe(
            [
                (0.05, b),
                (0.16, b - 0.05),
                (0.27, b - 0.19),
                (0.31, b - 0.34),
                (0.302, b - 0.34),
                (0.262, b - 0.19),
                (0.155, b - 0.058),
                (0.05, b - 0.01),
            ],
            m.get("wicker", 0.40, 0.29, 0.17),
            48,
            x,
            y,
        )
        g.lathe(
            [(0.001, b - 0.10)]
            + [(0.05 * math.cos(t), b - 0.16 + 0.05 * math.sin(t)) for t in np.linspace(1.4, -1.5, 12)],
            m.get("glow", 1.0, 0.75, 0.45, 10.0),
            20,
            x,
            y,
        )
    else:  # slim metal cone
        g.lathe(
            [(0.012, b), (0.03, b - 0.02), (0.075, b - 0.24), (0.072, b - 0.24), (0.028, b - 0.03)],
            mat(BLACK),
            36,
            x,
            y,
        )
        g.lathe([(0.001, b - 0.20), (0.05, b - 0.215)], m.get("glow", 1.0, 0.75, 0.45, 10.0), 20, x, y)
    light.point(
        x, y, b - (0.16 if style == 0 else 0.36 if style == 1 else 0.26), watts, radius=0.09 if style != 2 else 0.05
    )


def picture(w, h, style, frame=("wood", "oak", "z")):
    """A framed painting on a wall behind it (facing -y), its middle at the origin's height."""
    with g.placed():
        g.box((-w / 2 + 0.02, -0.028, -h / 2 + 0.02), (w / 2 - 0.02, -0.012, h / 2 - 0.02), m.get("art", style), 0)
        for p, q in (
            ((-w / 2, -0.045, -h / 2), (-w / 2 + 0.022, 0, h / 2)),
            ((w / 2 - 0.022, -0.045, -h / 2), (w / 2, 0, h / 2)),
            ((-w / 2, -0.045, -h / 2), (w / 2, 0, -h / 2 + 0.022)),
            ((-w / 2, -0.045, h / 2 - 0.022), (w / 2, 0, h / 2)),
        ):
            g.box(p, q, mat(frame), 0.002)


def curtain(width, h, seed=0, spec=("drape",), fullness=0.055, folds=None):
    """Gathered cloth hanging along x from the origin, h tall, just off the floor."""
    rng = random.Random(seed)
    folds = folds or max(3, int(width / 0.115))
    ph = rng.uniform(0, 6)

    def fn(u, v):
        gather = 1 - 0.05 * math.sin(v * math.pi)
        s = u * folds * 2 * math.pi
        wob = g.rnd_noise(u * folds * 0.6 + seed * 7, v * 1.2, 0, 1.0)
        amp = fullness * (0.55 + 0.45 * v) * (1 + 0.45 * wob)
        return (
            (u - 0.5) * width * gather + width / 2 + 0.018 * math.sin(s * 2 + ph) * 0.5,
            amp * math.sin(s + 0.8 * wob),
            h * (1 - v) + 0.012,
        )

    return g.sheet(fn, folds * 12, 12, mat(spec), 0.0, "curtain")


def rug(w, d, spec=("rug",)):
    """A thick rug with softened edges."""
    g.soft(0, 0, 0, w, d, 0.022, mat(spec), 0.010, 0.0, 3, n=20, wrinkle=0)


def coffee_table(w=1.35, d=0.8, h=0.34):
    """Two stone blocks of different height, softly rounded."""
    g.soft(-0.18, 0, 0, w, d, h, m.get("marble"), 0.05, 0, 1, n=20, wrinkle=0)
    g.soft(w / 2 + 0.16, -0.14, 0, 0.62, 0.62, h - 0.09, mat(("wood", "walnut", "x")), 0.05, 0, 2, n=20, wrinkle=0)


def side_table(h=0.5, r=0.21, top=("marble", 1)):
    """A small round table."""
    g.cyl(0, 0, h - 0.022, r, 0.022, mat(top), 48)
    g.cyl(0, 0, 0.01, 0.016, h - 0.03, mat(BRASS), 20)
    g.cyl(0, 0, 0, r * 0.7, 0.014, mat(BRASS), 40)


def dining_chair(spec=SAND, wood="walnut", seed=0):
    """A dining chair with an upholstered seat and a bent back."""
    wm = mat(("wood", wood, "z"))
    for x, y, tx, ty in (
        (-0.21, -0.20, -0.235, -0.235),
        (0.21, -0.20, 0.235, -0.235),
        (-0.20, 0.21, -0.215, 0.265),
        (0.20, 0.21, 0.215, 0.265),
    ):
        g.tube([(x, y, 0.44), (tx, ty, 0)], [0.019, 0.012], wm, 12)
    g.soft(0, 0, 0.41, 0.49, 0.47, 0.085, mat(spec), 0.04, 0.012, seed, n=12, wrinkle=0.003)
    for s in (-1, 1):
        g.tube(g.arc((s * 0.20, 0.21, 0.42), (s * 0.215, 0.288, 0.62), (s * 0.225, 0.314, 0.79), 8), [0.017] * 8, wm, 10)

    def back(u, v):
        a = (u - 0.5) * 2
        return a * 0.25, 0.30 - 0.075 * a * a + 0.035 * v, 0.57 + 0.25 * v

    g.sheet(back, 14, 8, mat(spec), 0.045)


def wicker_chair(seed=0):
    """An outdoor dining armchair: teak legs, rope shell, cushion."""
    wm = m.get("wood", "teak", "z")
    for x, y in ((-0.24, -0.22), (0.24, -0.22), (-0.22, 0.24), (0.22, 0.24)):
        g.tube([(x * 0.92, y * 0.92, 0.60 if y < 0 else 0.42), (x * 1.06, y * 1.08, 0)], [0.019, 0.014], wm, 10)
    for k in range(30):  # vertical ropes of the shell
        a = math.radians(-28 + 236 * k / 29)
        r = 0.285
        top = 0.80 - 0.16 * abs(k / 14.5 - 1) ** 2.2
        g.tube(
            [
                (r * 0.86 * math.cos(a), r * 0.86 * math.sin(a), 0.40),
                (r * 1.02 * math.cos(a), r * 1.02 * math.sin(a) + 0.02, (top + 0.4) / 2),
                (r * 1.08 * math.cos(a), r * 1.08 * math.sin(a) + 0.04, top),
            ],
            0.0075,
            m.get("fabric", 0.30, 0.25, 0.19),
            6,
            caps=False,
        )
    pts = [
        (
            0.308 * math.cos(math.radians(-28 + 236 * t)),
            0.308 * math.sin(math.radians(-28 + 236 * t)) + 0.04,
            0.80 - 0.16 * abs(t * 2 - 1) ** 2.2,
        )
        for t in np.linspace(0, 1, 30)
    ]
    g.tube(pts, 0.015, wm, 10)
    pts = [(0.25 * math.cos(t), 0.25 * math.sin(t), 0.405) for t in np.linspace(0, 6.2832, 40)]
    g.tube(pts, 0.014, wm, 8)
    g.soft(0, -0.01, 0.40, 0.46, 0.45, 0.075, mat(IVORY), 0.035, 0.012, seed, n=12)


def wine_glass(h=0.22):
    """A stemmed glass."""
    g.lathe(
        [
            (0.001, 0),
            (0.036, 0.002),
            (0.036, 0.004),
            (0.006, 0.008),
            (0.0042, 0.03),
            (0.0042, h * 0.42),
            (0.012, h * 0.46),
            (0.034, h * 0.58),
            (0.041, h * 0.74),
            (0.036, h),
            (0.0348, h),
            (0.0395, h * 0.74),
            (0.03, h * 0.59),
            (0.001, h * 0.5),
        ],
        m.get("tumbler"),
        32,
    )


def tumbler(h=0.09):
    """A water glass."""
    g.lathe([(0.001, 0), (0.032, 0), (0.037, h), (0.0355, h), (0.031, 0.008), (0.001, 0.008)], m.get("tumbler"), 28)


def setting(seed=0, linen=SEA):
    """Plate, bowl, napkin, cutlery, glasses at the origin, the diner sitting at -y."""
    plate = m.get("ceramic", 0.80, 0.775, 0.73, 0.3)
    g.lathe(
        [(0.001, 0), (0.085, 0), (0.135, 0.014), (0.138, 0.017), (0.132, 0.018), (0.085, 0.006), (0.001, 0.006)],
        plate,
        48,
    )
    g.lathe(
        [(0.001, 0.008), (0.06, 0.008), (0.098, 0.02), (0.10, 0.024), (0.094, 0.024), (0.06, 0.014), (0.001, 0.014)],
        m.get("ceramic", 0.55, 0.56, 0.54, 0.4),
        48,
    )

    def nap(u, v):
        return (
            (u - 0.5) * 0.085,
            (v - 0.5) * 0.20,
            0.027 + 0.008 * math.sin(u * 3.14) + 0.004 * g.rnd_noise(u * 4, v * 4, seed),
        )

    g.sheet(nap, 8, 12, mat(linen), 0.006)
    st = mat(BRASS)
    for x, ln in ((-0.175, 0.19), (0.172, 0.205), (0.195, 0.18)):
        g.tube([(x, -ln / 2, 0.003), (x, 0, 0.0045), (x, ln * 0.25, 0.006)], [0.0042, 0.003, 0.0028], st, 6)
        g.soft(x, ln * 0.40, 0.001, 0.020, 0.065, 0.006, st, 0.003, 0, 1, n=6, wrinkle=0)
    with g.placed(0.15, 0.21):
        wine_glass()
    with g.placed(0.075, 0.235):
        tumbler()


def bed(w=1.9, ln=2.1):
    """A low upholstered bed made up with linen; head at +y."""
    base = m.get("fabric", 0.46, 0.41, 0.34)
    g.soft(0, 0, 0.06, w + 0.12, ln + 0.06, 0.24, base, 0.05, 0.004, 1)
    for x in (-w / 2, w / 2):
        for y in (-ln / 2 + 0.05, ln / 2 - 0.1):
            g.cbox(x * 0.92, y, 0, 0.06, 0.06, 0.07, mat(BLACK), 0.004)
    g.soft(0, 0, 0.28, w, ln, 0.25, m.get("fabric", 0.80, 0.785, 0.75), 0.07, 0.01, 2)
    # duvet: falls over the sides, wrinkled, turned back near the pillows
    top, over = 0.575, 0.30

    def duvet(u, v):
        half = w / 2 + 0.045
        s = (u - 0.5) * 2 * (half + over)
        y = -ln / 2 - 0.05 + v * (ln - 0.60)
        x = s
        z = top
        if abs(s) > half - 0.06:
            extra = abs(s) - (half - 0.06)
            bend = min(extra / 0.12, 1)
            x = math.copysign(
                half - 0.06 + 0.06 * math.sin(bend * 1.57) + 0.018 * g.rnd_noise(y * 4, extra * 2, 3) * bend, s
            )
            z = top - max(0, extra - 0.04) - 0.02 * bend
        if v < 0.05:
            z -= (1 - v / 0.05) ** 2 * 0.05
        n = (
            0.020 * g.rnd_noise(s * 1.6, y * 1.5, 1)
            + 0.012 * g.rnd_noise(s * 4 + y, y * 2.4, 5)
            + 0.006 * g.rnd_noise(s * 9, y * 7, 2)
        )
        return x + n * 0.4, y, z + n + 0.012 * math.cos(s * 1.4)

    g.sheet(duvet, 90, 70, m.get("fabric", 0.80, 0.78, 0.74), 0.05)

    def fold(u, v):  # turned-back top of the duvet
        half = w / 2 + 0.05
        s = (u - 0.5) * 2 * (half + 0.20)
        x, z = s, top + 0.05
        if abs(s) > half - 0.05:
            e = abs(s) - (half - 0.05)
            x = math.copysign(half - 0.05 + 0.065 * math.sin(min(e / 0.11, 1) * 1.57), s)
            z -= max(0, e - 0.03)
        return x, ln / 2 - 0.98 + v * 0.34, z + 0.012 * g.rnd_noise(s * 2.2, v * 2, 8) + 0.022 * math.sin(v * 3.14)

    g.sheet(fold, 70, 14, m.get("fabric", 0.74, 0.70, 0.64), 0.035)

    def blanket(u, v):  # throw across the foot
        half = w / 2 + 0.075
        s = (u - 0.5) * 2 * (half + 0.42)
        x, z = s, top + 0.052
        if abs(s) > half - 0.05:
            e = abs(s) - (half - 0.05)
            x = math.copysign(
                half - 0.05 + 0.075 * math.sin(min(e / 0.12, 1) * 1.57) + 0.012 * math.sin(v * 17) * min(1, e * 4), s
            )
            z -= max(0, e - 0.035)
        y = -ln / 2 + 0.20 + v * 0.52 + 0.03 * g.rnd_noise(s * 1.3, 4, 2)
        return x, y, z + 0.014 * g.rnd_noise(s * 2, v * 2.4, 6) + 0.014 * math.sin(v * 3.14) + 0.004 * math.sin(v * 40)

    g.sheet(blanket, 90, 26, mat(SEA), 0.014)
    # headboard with vertical channels
    for k in range(13):
        x = -1.5 + 3.0 * k / 12
        g.soft(
            x,
            ln / 2 + 0.10,
            0.12,
            0.25,
            0.10,
            1.02,
            m.get("fabric", 0.46, 0.41, 0.34),
            0.045,
            0.012,
            k,
            n=10,
            wrinkle=0.002,
        )
    # pillows
    for s in (-1, 1):
        cushion(s * 0.50, ln / 2 - 0.10, 0.545, 0.74, 0.50, 0.22, ("fabric", 0.80, 0.785, 0.75), 3 + s, 62)
        cushion(s * 0.48, ln / 2 - 0.27, 0.545, 0.70, 0.48, 0.20, ("fabric", 0.74, 0.70, 0.64), 6 + s, 55)
    cushion(-0.30, ln / 2 - 0.45, 0.56, 0.50, 0.50, 0.17, SEA, 11, 58, 4)
    cushion(0.28, ln / 2 - 0.44, 0.56, 0.50, 0.50, 0.17, SAND, 12, 58, -5)
    cushion(0, ln / 2 - 0.58, 0.57, 0.62, 0.32, 0.15, RUST, 13, 60, 2)


def nightstand():
    """A walnut drawer box hung in a brass frame, with lamp, books and glass."""
    g.cbox(0, 0, 0.18, 0.56, 0.42, 0.30, mat(("wood", "walnut", "x")), 0.008)
    g.cbox(0, -0.212, 0.195, 0.53, 0.012, 0.13, mat(("wood", "walnut", "x")), 0.004)
    g.cbox(0, -0.212, 0.335, 0.53, 0.012, 0.13, mat(("wood", "walnut", "x")), 0.004)
    for z in (0.26, 0.40):
        g.tube([(-0.06, -0.235, z), (0.06, -0.235, z)], 0.005, mat(BRASS), 8)
    for x in (-0.26, 0.26):
        for y in (-0.19, 0.19):
            g.cbox(x, y, 0, 0.016, 0.016, 0.18, mat(BRASS), 0.002)
    with g.placed(0.06, 0.05, 0.48):
        table_lamp(0.56, ("ceramic", 0.50, 0.44, 0.36, 0.6), 2.4, 7)
    with g.placed(-0.15, -0.06, 0.48, 12):
        h = books(2, 4, 0.15, 0.21)
        with g.placed(0, 0, h):
            vase(2, ("ceramic", 0.20, 0.24, 0.23, 0.4), 0.30)


def bench(w=1.4):
    """An upholstered bench."""
    g.soft(0, 0, 0.34, w, 0.42, 0.12, m.get("boucle"), 0.05, 0.012, 4)
    for s in (-1, 1):
        g.tube([(s * (w / 2 - 0.12), -0.17, 0.35), (s * (w / 2 - 0.10), -0.18, 0)], 0.014, mat(BRASS), 10)
        g.tube([(s * (w / 2 - 0.12), 0.17, 0.35), (s * (w / 2 - 0.10), 0.18, 0)], 0.014, mat(BRASS), 10)


def towel(w=0.5, h=0.62, spec=("fabric", 0.78, 0.76, 0.72), seed=0, fall=0.28):
    """A towel over a rail along x at the origin."""

    def fn(u, v):
        s = (v - 0.35) * h * 1.6
        r = 0.018
        if abs(s) < r * 1.57:
            y, z = -r * math.sin(s / r), r * math.cos(s / r)
        else:
            y, z = (
                -math.copysign(r + 0.006 * g.rnd_noise(u * 3, s * 3, seed) + 0.004 * math.sin(u * 25), s),
                -(abs(s) - r * 1.57),
            )
        return (u - 0.5) * w, y, z

    g.sheet(fn, 24, 50, mat(spec), 0.009)


def folded_towels(n=3, spec=("fabric", 0.78, 0.76, 0.72)):
    """A neat stack."""
    for k in range(n):
        g.soft(0, 0, k * 0.062, 0.36 - 0.01 * k, 0.25, 0.062, mat(spec), 0.028, 0.004, k, n=12, wrinkle=0.004)


def tap(reach=0.14, h=0.28, spec=BRASS):
    """A tall basin mixer."""
    g.cyl(0, 0, 0, 0.024, 0.012, mat(spec), 24)
    g.tube(
        [
            (0, 0, 0),
            (0, 0, h - 0.05),
            *[
                (0, -reach / 2 + reach / 2 * math.cos(a), h - 0.05 + 0.05 * math.sin(a))
                for a in np.linspace(0.1, 2.6, 8)
            ],
            (0, -reach, h - 0.06),
        ],
        0.012,
        mat(spec),
        14,
    )
    g.tube([(0.0, 0, 0.09), (0.06, 0, 0.105)], 0.006, mat(spec), 8)


def vanity(w=3.0):
    """A floating double vanity with stone top, two vessels, a lit mirror; back at y = 0, facing -y."""
    d, h = 0.54, 0.86
    g.box((-w / 2, -d, 0.34), (w / 2, 0, 0.80), mat(("wood", "oak", "x")), 0.003)
    for k in range(4):
        x0, x1 = -w / 2 + k * w / 4 + 0.004, -w / 2 + (k + 1) * w / 4 - 0.004
        for z0, z1 in ((0.345, 0.565), (0.573, 0.795)):
            g.box((x0, -d - 0.020, z0), (x1, -d, z1), mat(("wood", "oak", "x")), 0.003)
    g.box((-w / 2 - 0.01, -d - 0.03, 0.80), (w / 2 + 0.01, 0, h), m.get("marble"), 0.004)
    g.box((-w / 2 - 0.01, -0.022, h), (w / 2 + 0.01, 0, h + 0.10), m.get("marble"), 0.003)
    # mirror, with a halo from behind
    z0, z1, mw = 1.10, 2.22, w - 0.1
    g.box((-mw / 2, -0.050, z0), (mw / 2, -0.046, z1), m.get("mirror"), 0)
    for p, q in (
        ((-mw / 2 - 0.012, -0.056, z0 - 0.012), (mw / 2 + 0.012, -0.02, z0)),
        ((-mw / 2 - 0.012, -0.056, z1), (mw / 2 + 0.012, -0.02, z1 + 0.012)),
        ((-mw / 2 - 0.012, -0.056, z0), (-mw / 2, -0.02, z1)),
        ((mw / 2, -0.056, z0), (mw / 2 + 0.012, -0.02, z1)),
    ):
        g.box(p, q, mat(BRASS), 0.002)
    g.box(
        (-mw / 2 + 0.03, -0.02, z0 + 0.02), (mw / 2 - 0.03, -0.015, z0 + 0.035), m.get("glow", 1.0, 0.80, 0.56, 9.0), 0
    )
    g.box(
        (-mw / 2 + 0.03, -0.02, z1 - 0.035), (mw / 2 - 0.03, -0.015, z1 - 0.02), m.get("glow", 1.0, 0.80, 0.56, 9.0), 0
    )
    light.area(0, -0.30, 0.60 + 1.7, w - 0.3, 0.1, 7, (0, 0.3, -1))
    light.area(0, -0.25, 0.30, w - 0.3, 0.1, 7, (0, 0.1, -1))
    for s in (-1, 1):
        with g.placed(s * w / 4, -0.29, h):
            g.lathe(
                [
                    (0.001, 0.0),
                    (0.15, 0.0),
                    (0.19, 0.012),
                    (0.205, 0.12),
                    (0.198, 0.122),
                    (0.18, 0.03),
                    (0.03, 0.018),
                    (0.001, 0.018),
                ],
                m.get("ceramic", 0.80, 0.785, 0.75, 0.25),
                64,
            )
            g.cyl(0, 0, 0.018, 0.022, 0.004, mat(BRASS), 24)
        with g.placed(s * w / 4, -0.055, h):
            tap()
        # wall lights beside the mirror
        with g.placed(s * (w / 2 + 0.12), -0.06, 1.68):
            g.cbox(0, 0.04, -0.06, 0.05, 0.03, 0.12, mat(BRASS), 0.004)
            g.lathe(
                [(0.001, -0.17)] + [(0.045, z) for z in (-0.17, 0.17)] + [(0.001, 0.17)],
                m.get("shade", 1.0, 0.80, 0.55, 4.0),
                32,
            )
            g.lathe([(0.046, -0.012), (0.049, -0.012), (0.049, 0.012), (0.046, 0.012)], mat(BRASS), 32)
            light.point(0, -0.08, 0, 4, radius=0.06)
    # things in use
    with g.placed(0, -0.24, h):
        g.cbox(0, 0, 0, 0.34, 0.20, 0.012, m.get("marble", 1), 0.004)
        for x, hh, sp in (
            (-0.10, 0.16, ("ceramic", 0.12, 0.10, 0.085, 0.3)),
            (-0.02, 0.13, ("ceramic", 0.70, 0.66, 0.58, 0.4)),
        ):
            g.cyl(x, 0, 0.012, 0.032, hh, mat(sp), 32)
            g.cyl(x, 0, 0.012 + hh, 0.010, 0.03, mat(BRASS), 16)
            g.tube([(x, 0, 0.04 + hh), (x, -0.035, 0.04 + hh)], 0.004, mat(BRASS), 8)
        with g.placed(0.09, 0, 0.012):
            candle(0.07, 0.036)
    with g.placed(0, -0.12, h, 20):
        z = vase(1, ("ceramic", 0.58, 0.55, 0.50, 0.5), 0.72)
        branches(z, 4, 0.42, 5)
    with g.placed(-w / 2 + 0.24, -0.27, h, 5):
        folded_towels(2)
    with g.placed(w / 2 - 0.22, -0.22, h):
        garden.pot("orchid-leaves", 0, 0, 0, 0.07, 0.11, m.get("ceramic", 0.75, 0.72, 0.66, 0.4))
        for k in range(2):
            p = g.arc((0, 0, 0.1), (0.02, 0, 0.38), (0.10 * (1 - 2 * k), -0.04, 0.44 - 0.05 * k), 14)
            g.tube(p, 0.0026, m.get("leaf", 0.08, 0.14, 0.04), 6)
            rng = np.random.default_rng(k)
            for i in (8, 10, 11, 12, 13):
                lv, lf = garden._leaf_arrays(
                    rng, np.repeat(p[i][None], 6, 0), rng.normal(0, 1, (6, 3)) * [1, 0.6, 1], 0.045, 0.036, 0, 0.4
                )
                g.add(
                    g.quads_data(
                        "orchid", lv, np.zeros((0, 4), int), m.get("leaf", 0.80, 0.76, 0.78, 0.6, 0.06), None, True, lf
                    )
                )


def bathtub():
    """A free-standing oval tub with a thin rim; long axis x."""
    L, W, H = 1.72, 0.80, 0.58
    prof = [
        (0.70, 0),
        (0.76, 0.01),
        (0.86, 0.20),
        (0.95, 0.42),
        (1.0, H - 0.012),
        (1.0, H),
        (0.975, H + 0.004),
        (0.955, H - 0.006),
        (0.90, 0.42),
        (0.80, 0.22),
        (0.62, 0.15),
        (0.001, 0.14),
    ]
    verts, n = [], 64
    for r, z in prof:
        for k in range(n):
            a = 2 * math.pi * k / n
            c, s = math.cos(a), math.sin(a)
            e = 2.5
            rr = (abs(c) ** e + abs(s) ** e) ** (-1 / e)
            verts.append(
                (
                    L / 2 * r * rr * c,
                    W / 2 * r * rr * s,
                    z + 0.03 * (abs(c) ** 4 if r > 0.94 else 0),
                )
            )
    q = [
        (k * n + s, k * n + (s + 1) % n, (k + 1) * n + (s + 1) % n, (k + 1) * n + s)
        for k in range(len(prof) - 1)
        for s in range(n)
    ]
    me = g.quads_data("tub", verts, q, m.get("ceramic", 0.83, 0.82, 0.795, 0.22))
    me.set_sharp_from_angle(angle=1.2)
    g.add(me, "tub")


def bath_filler(h=1.02):
    """A floor-standing tub filler with hand shower."""
    b = mat(BRASS)
    g.cyl(0, 0, 0, 0.05, 0.012, b, 32)
    g.tube(
        [
            (0, 0, 0),
            (0, 0, h - 0.12),
            *[(0, -0.09 + 0.09 * math.cos(a), h - 0.12 + 0.09 * math.sin(a)) for a in np.linspace(0.1, 3.0, 12)],
            (0, -0.18, h - 0.16),
        ],
        0.015,
        b,
        16,
    )
    g.tube([(-0.09, 0, 0.72), (0.09, 0, 0.72)], 0.013, b, 12)
    for s in (-1, 1):
        g.cyl(s * 0.09, 0, 0.695, 0.022, 0.05, b, 24)
    g.tube([(0.0, 0.03, 0.80), (0.0, 0.055, 0.95)], 0.012, b, 12)
    g.tube(g.arc((0.0, 0.05, 0.80), (0.12, 0.10, 0.25), (0.03, 0.0, 0.70), 20), 0.006, b, 8)


def build_living():
    """Living room: two sofas by the fire, armchairs, shelves, art."""
    with g.placed(4.1, 3.35):
        with g.placed(0.2, 0, 0.001):
            rug(4.7, 3.7, ("rug", 0.60, 0.55, 0.47, 1))
        with g.placed(0.2, 1.75, 0.0, 0):
            sofa(3.1, 1.02, LINEN, 3, True, 1)
            cushion(-1.02, 0.12, 0.47, 0.52, 0.52, 0.17, SEA, 1, 66, 8)
            cushion(-0.72, 0.02, 0.47, 0.46, 0.46, 0.16, IVORY, 2, 60, -6)
            cushion(1.02, 0.12, 0.47, 0.52, 0.52, 0.17, RUST, 3, 66, -8)
            cushion(0.70, 0.0, 0.47, 0.56, 0.36, 0.14, SAND, 4, 62, 4)

            def tfn(u, v):
                s = v * 1.75
                x = 0.98 + (u - 0.5) * 0.46 + 0.02 * g.rnd_noise(u * 2, v * 3, 1)
                if s < 0.60:
                    return x, 0.30 - s, 0.505 + 0.01 * g.rnd_noise(u * 5, v * 6, 2) + 0.004
                return x, -0.51 - 0.004 - 0.006 * math.sin(u * 20), 0.505 - (s - 0.60) * 0.32

            throw(tfn, ("fabric", 0.30, 0.24, 0.18))
        with g.placed(0.2, -1.85, 0, 180):
            sofa(3.1, 1.0, LINEN, 3, True, 21)
            cushion(-1.02, 0.12, 0.47, 0.50, 0.50, 0.17, SAND, 5, 66, 8)
            cushion(1.0, 0.12, 0.47, 0.52, 0.52, 0.17, SEA, 6, 66, -8)
            cushion(0.72, 0.0, 0.47, 0.46, 0.46, 0.15, IVORY, 7, 60, 6)
        with g.placed(0.1, -0.02, 0.022):
            coffee_table()
            with g.placed(-0.45, 0.12, 0.34, 8):
                h = books(3, 1)
                with g.placed(0.01, 0, h):
                    bowl(0.07, 0.045, BRASS)
            with g.placed(0.02, -0.12, 0.34):
                z = vase(0, ("ceramic", 0.70, 0.66, 0.58, 0.6), 0.9)
                branches(z, 6, 0.55, 3, ("leaf", 0.12, 0.16, 0.07, 0.5, 0.4))
            with g.placed(0.84, -0.16, 0.25, -14):
                bowl(0.17, 0.07, ("ceramic", 0.14, 0.13, 0.12, 0.4))
            with g.placed(-0.62, -0.22, 0.34):
                candle(0.10, 0.036)
            with g.placed(-0.53, -0.25, 0.34):
                candle(0.06, 0.036)
        for y, t in ((0.78, 68), (-0.78, 112)):
            with g.placed(3.15, y, 0, 180 + 90 + (t - 90) * -1):
                lounge_chair(SAND, int(y * 10) + 40)
                cushion(0, 0.10, 0.43, 0.44, 0.32, 0.12, RUST if y > 0 else SEA, 17, 66, 5)
        with g.placed(2.15, 1.95):
            side_table(0.52)
            with g.placed(0, 0, 0.52):
                table_lamp(0.52, ("ceramic", 0.16, 0.22, 0.23, 0.35), 2.2, 7)
        with g.placed(-1.75, 2.0):
            side_table(0.50, 0.20, ("wood", "walnut", "x"))
            with g.placed(-0.02, 0.02, 0.50, 20):
                books(2, 8, 0.16, 0.22)
        with g.placed(-1.78, -1.95):
            side_table(0.50, 0.20)
            with g.placed(0, 0, 0.5):
                table_lamp(0.50, ("ceramic", 0.60, 0.55, 0.48, 0.5), 2.2, 6, 1)
    with g.placed(1.15, 5.35, 0, -60):
        arc_lamp(1.45)
    # north wall: painting over a long low sideboard
    with g.placed(4.7, 7.25):
        g.cbox(0, 0, 0.14, 3.0, 0.44, 0.50, mat(("wood", "walnut", "x")), 0.006)
        for k in range(4):
            g.box(
                (-1.49 + k * 0.745, -0.240, 0.15),
                (-1.49 + k * 0.745 + 0.735, -0.222, 0.63),
                m.get("planks", "walnut", "z", 0.03, 3.0, 0.45, 0.003, "wall"),
                0.003,
            )
        for x in (-1.35, 1.35):
            g.cbox(x, 0, 0, 0.05, 0.36, 0.14, mat(BRASS), 0.003)
        with g.placed(-1.1, 0, 0.64):
            table_lamp(0.62, ("ceramic", 0.62, 0.57, 0.50, 0.5), 2.2, 8)
        with g.placed(-0.25, 0.02, 0.64, 6):
            books(4, 12)
        with g.placed(0.35, 0.02, 0.64):
            z = vase(2, ("ceramic", 0.70, 0.66, 0.58, 0.6), 1.1)
        with g.placed(1.1, 0, 0.64):
            z = vase(0, ("ceramic", 0.15, 0.14, 0.13, 0.4), 1.15)
            branches(z, 7, 0.7, 9)
        with g.placed(0.15, 0.25, 1.75):
            picture(2.1, 1.25, 0)
    with g.placed(0.62, 4.2, 0.30):
        z = vase(1, ("ceramic", 0.66, 0.62, 0.55, 0.6), 1.15)
    with g.placed(0.60, 3.95, 0.30, 10):
        vase(2, ("ceramic", 0.17, 0.16, 0.15, 0.5), 0.75)
    with g.placed(0.64, 0.72, 0.30):
        lantern(0.8, True)
    garden.pot("ficus", 8.65, 6.75, 0, 0.25, 0.46, m.get("concrete", 0.55, 0.53, 0.50), 1.25)
    # curtains gathered at the ends of the glass front
    for x, w, s in ((0.42, 0.75, 1), (9.55 - 0.55, 0.8, 2), (18.15, 0.75, 3)):
        with g.placed(x, 0.32):
            curtain(w, 3.22, s)
    g.box((0.05, 0.28, 3.235), (18.95, 0.36, 3.26), mat(BLACK), 0.003)


def build_dining():
    """Dining: a long table for eight under three woven lamps."""
    with g.placed(11.6, 3.7):
        with g.placed(0, 0, 0.001):
            rug(3.2, 4.4, ("rug", 0.42, 0.38, 0.32))
        with g.placed(0, 0, 0.02, 90):
            top = mat(("wood", "walnut", "x"))
            g.soft(0, 0, 0.70, 3.1, 1.08, 0.045, top, 0.02, 0, 1, n=22, wrinkle=0)
            for x in (-0.95, 0.95):
                g.soft(x, 0, 0, 0.16, 0.66, 0.70, top, 0.05, 0, 2, n=14, wrinkle=0)
            for k, x in enumerate((-1.08, -0.36, 0.36, 1.08)):
                with g.placed(x, -0.74, 0, 180):
                    dining_chair(SAND, seed=k)
                with g.placed(x, 0.74, 0, 0):
                    dining_chair(SAND, seed=k + 4)
            with g.placed(0, 0, 0.745):
                z = vase(0, ("ceramic", 0.20, 0.23, 0.22, 0.4), 1.0)
                branches(z, 8, 0.62, 21, blossom=False)
            with g.placed(0.62, 0.02, 0.745):
                bowl(0.19, 0.08, ("wood", "oak", "x"), ("ceramic", 0.52, 0.44, 0.05, 0.45))
            for k, x in enumerate((-0.55, -0.66)):
                with g.placed(x, 0.03 - 0.06 * k, 0.745):
                    candle(0.16 - 0.06 * k, 0.034)
        for dy in (-0.95, 0, 0.95):
            pendant(0, dy, 3.3, 1.22, 1, 13)


def build_kitchen():
    """Kitchen: stone island with stools, tall oak wall, dark niche with worktop."""
    stone = m.get("marble")
    with g.placed(16.1, 4.25):
        # island: waterfall ends
        g.box((-1.6, -0.55, 0.88), (1.6, 0.55, 0.94), stone, 0.004)
        g.box((-1.6, -0.55, 0), (-1.54, 0.55, 0.88), stone, 0.004)
        g.box((1.54, -0.55, 0), (1.6, 0.55, 0.88), stone, 0.004)
        g.box((-1.54, -0.24, 0.10), (1.54, 0.52, 0.88), mat(("wood", "oak", "z")), 0.004)
        g.box((-1.54, -0.20, 0), (1.54, 0.46, 0.10), mat(BLACK), 0)
        for k in range(5):
            x = -1.54 + 3.08 * k / 5
            g.box((x + 0.004, 0.52, 0.11), (x + 3.08 / 5 - 0.004, 0.538, 0.875), mat(("wood", "oak", "z")), 0.003)
        for k, x in enumerate((-1.05, -0.35, 0.35, 1.05)):
            with g.placed(x, -0.62, 0, 180 + (-6, 4, 0, -5)[k]):
                stool(k)
        with g.placed(-0.75, 0.08, 0.94):
            bowl(0.20, 0.09, ("wood", "walnut", "x"), ("ceramic", 0.58, 0.26, 0.03, 0.45), 4)
        with g.placed(0.95, 0.1, 0.94):
            z = vase(0, ("ceramic", 0.72, 0.68, 0.61, 0.6), 1.05)
            branches(z, 7, 0.6, 31, ("leaf", 0.07, 0.13, 0.04, 0.45, 0.4), leaf_size=(0.075, 0.035))
        with g.placed(0.45, 0.12, 0.94, 12):
            g.cbox(0, 0, 0, 0.42, 0.26, 0.022, mat(("wood", "walnut", "x")), 0.008)
            with g.placed(0.1, 0.0, 0.022):
                bowl(0.075, 0.05, ("ceramic", 0.75, 0.72, 0.66, 0.4))
        with g.placed(0.0, -0.1, 0.94, -8):
            books(2, 15, 0.2, 0.26)
        for x in (-1.0, 0, 1.0):
            pendant(x, 0, 3.3, 1.25, 0, 10)
    # back wall
    y0 = 6.88
    for x0, x1 in ((13.55, 14.9), (17.7, 18.98)):
        g.box((x0, y0, 0.09), (x1, 7.49, 2.75), mat(("wood", "oak", "z")), 0.004)
        n = 2
        for k in range(n):
            a, b = x0 + (x1 - x0) * k / n + 0.003, x0 + (x1 - x0) * (k + 1) / n - 0.003
            g.box((a, y0 - 0.02, 0.10), (b, y0, 2.75), mat(("wood", "oak", "z")), 0.003)
            hx = b - 0.04 if k == 0 else a + 0.04
            g.tube([(hx, y0 - 0.045, 0.95), (hx, y0 - 0.045, 1.65)], 0.007, mat(BRASS), 10)
        g.box((x0, y0 + 0.04, 0), (x1, 7.49, 0.09), mat(BLACK), 0)
    # steel ovens in the left tall unit
    for z in (0.62, 1.26):
        g.box(
            (14.25, y0 - 0.028, z), (14.88, y0 - 0.018, z + 0.58), m.get("metal", 0.02, 0.02, 0.022, 0.12, 0.4), 0.004
        )
        g.tube([(14.30, y0 - 0.065, z + 0.50), (14.83, y0 - 0.065, z + 0.50)], 0.009, mat(STEEL), 10)
    # worktop niche
    g.box((14.9, y0, 0.09), (17.7, 7.49, 0.88), mat(("wood", "oak", "z")), 0.003)
    for k in range(4):
        a = 14.9 + 0.7 * k
        for z0, z1 in ((0.10, 0.36), (0.37, 0.62), (0.63, 0.875)):
            g.box((a + 0.003, y0 - 0.02, z0), (a + 0.697, y0, z1), mat(("wood", "oak", "x")), 0.003)
            g.tube([(a + 0.22, y0 - 0.04, z1 - 0.05), (a + 0.48, y0 - 0.04, z1 - 0.05)], 0.006, mat(BRASS), 8)
    g.box((14.9, y0 + 0.04, 0), (17.7, 7.49, 0.09), mat(BLACK), 0)
    g.box((14.9, y0 - 0.03, 0.88), (17.7, 7.49, 0.92), stone, 0.004)
    g.box((14.9, 7.44, 0.92), (17.7, 7.49, 1.62), stone, 0)
    g.box((14.9, 7.46, 1.62), (17.7, 7.49, 2.2), m.get("plaster"), 0)
    g.box((15.0, 7.18, 1.55), (17.6, 7.45, 1.59), mat(("wood", "oak", "x")), 0.004)
    g.box((15.02, 7.40, 1.535), (17.58, 7.42, 1.55), m.get("glow", 1.0, 0.78, 0.52, 8.0), 0)
    light.area(16.3, 7.3, 1.52, 2.5, 0.12, 10)
    g.box((14.9, 7.08, 2.2), (17.7, 7.49, 2.75), mat(("wood", "oak", "x")), 0.004)
    g.box((13.55, 6.9, 2.75), (18.98, 7.5, 3.30), m.get("plaster", 0.84, 0.825, 0.79), 0)
    for x, f in ((15.15, 0), (15.32, 1), (17.2, 0)):
        with g.placed(x, 7.32, 1.59):
            vase((0, 2, 1)[f], ("ceramic", 0.70 - 0.3 * f, 0.66 - 0.3 * f, 0.58 - 0.3 * f, 0.5), 0.62)
    with g.placed(15.55, 7.42, 1.59):
        book_row(0.55, 4, 0.2)
    for k in range(5):
        with g.placed(16.42 + 0.11 * k, 7.30, 1.59):
            bowl(0.048, 0.05, ("ceramic", 0.76, 0.73, 0.67, 0.4))
    with g.placed(17.42, 7.30, 1.59):
        garden.pot("trail", 0, 0, 0, 0.07, 0.11, m.get("ceramic", 0.60, 0.55, 0.48, 0.5), 0.8)
    # hob, sink, things on the worktop
    g.box((16.0, 6.98, 0.92), (16.85, 7.40, 0.926), m.get("metal", 0.01, 0.01, 0.011, 0.08, 0.2), 0.003)
    with g.placed(15.4, 7.33, 0.92):
        tap(0.2, 0.36)
    g.box((15.12, 6.98, 0.918), (15.68, 7.30, 0.922), mat(STEEL), 0.004)
    with g.placed(17.15, 7.25, 0.92):
        for k, (x, r, h) in enumerate(((0, 0.05, 0.15), (0.13, 0.045, 0.11), (0.24, 0.04, 0.09))):
            g.cyl(x, 0, 0, r, h, m.get("ceramic", 0.72, 0.68, 0.61, 0.5), 32)
            g.cyl(x, 0, h, r * 0.95, 0.02, mat(("wood", "walnut", "x")), 32)
    with g.placed(14.99, 7.20, 0.92, 0), g.placed(0.05, 0.17, 0.0, 0), g.placed(tilt_deg=-8):
        g.cbox(0, 0, 0, 0.26, 0.022, 0.40, mat(("wood", "walnut", "z")), 0.02)
    with g.placed(16.3, 7.18, 0.926):
        g.lathe(
            [(0.001, 0), (0.10, 0), (0.11, 0.01), (0.11, 0.12), (0.105, 0.125), (0.10, 0.12)],
            m.get("metal", 0.30, 0.12, 0.06, 0.3, 1.0),
            40,
        )
        g.tube([(0.11, 0, 0.09), (0.26, 0, 0.11)], 0.009, mat(BLACK), 10)
    garden.pot("herb", 14.99 + 0.62, 7.36, 0.92, 0.055, 0.10, m.get("ceramic", 0.60, 0.42, 0.32, 0.6))
    garden.pot("palm-pot", 18.45, 0.85, 0, 0.24, 0.42, m.get("concrete", 0.30, 0.29, 0.28), 1.25)


def stool(seed=0):
    """A counter stool with a low bent back."""
    wm = m.get("wood", "walnut", "z")
    for x, y in ((-0.17, -0.16), (0.17, -0.16), (-0.17, 0.16), (0.17, 0.16)):
        g.tube([(x, y, 0.62), (x * 1.25, y * 1.25, 0)], [0.017, 0.012], wm, 10)
    for s in (-1, 1):
        g.tube([(-0.20, s * 0.19, 0.24), (0.20, s * 0.19, 0.24)], 0.008, mat(BRASS), 8)
        g.tube([(s * 0.20, -0.19, 0.24), (s * 0.20, 0.19, 0.24)], 0.008, mat(BRASS), 8)
    g.soft(0, 0, 0.60, 0.44, 0.42, 0.085, m.get("leather"), 0.04, 0.012, seed, n=12)

    def back(u, v):
        a = math.radians(15 + 150 * u)
        return 0.225 * math.cos(a), 0.215 * math.sin(a), 0.68 + 0.17 * v

    g.sheet(back, 20, 6, m.get("leather"), 0.028)


def build_bedroom():
    """Principal bedroom: bed against the west wall, sea through the south glass."""
    # slatted wall behind the bed
    for k in range(0, 128):
        y = -6.86 + k * 0.0405
        if y < -1.64:
            g.box((-7.0, y, 0.0), (-6.972, y + 0.026, 2.86), m.get("wood", "walnut", "z"), 0.002, 1)
    g.box((-7.0, -6.9, 0), (-6.992, -1.62, 2.86), m.get("paint", 0.03, 0.022, 0.018, 0.8), 0)
    with g.placed(-5.68, -4.25, 0, 90):
        bed()
        for s in (-1, 1):
            with g.placed(s * 1.42, 0.80, 0, 0):
                nightstand()
        with g.placed(0, -1.42):
            bench(1.5)
            with g.placed(-0.25, 0, 0.47, 12):
                g.soft(0, 0, 0, 0.44, 0.34, 0.05, mat(RUST), 0.022, 0.004, 2, n=10)
    with g.placed(-5.0, -4.25, 0.001):
        rug(3.4, 3.7, ("rug", 0.66, 0.62, 0.55))
    # reading corner by the window
    with g.placed(-2.55, -5.55, 0, -40 + 90):
        tub_chair()
    with g.placed(-1.75, -6.15):
        side_table(0.48, 0.19)
        with g.placed(0, 0, 0.48, 15):
            books(2, 3, 0.15, 0.21)
    with g.placed(-1.2, -6.35):
        floor_lamp(1.58, 10)
    # north wall: low chest and painting
    with g.placed(-3.9, -1.86):
        g.cbox(0, 0, 0.12, 1.7, 0.46, 0.68, mat(("wood", "walnut", "x")), 0.006)
        for k in range(3):
            for z in (0.13, 0.355, 0.58):
                g.box(
                    (-0.845 + k * 0.564, -0.250, z),
                    (-0.845 + k * 0.564 + 0.556, -0.23, z + 0.215),
                    mat(("wood", "walnut", "x")),
                    0.003,
                )
                g.cyl(-0.845 + k * 0.564 + 0.278, -0.262, z + 0.10, 0.010, 0.012, mat(BRASS), 16)
        for x in (-0.75, 0.75):
            g.cbox(x, 0, 0, 0.05, 0.38, 0.12, mat(BRASS), 0.003)
        with g.placed(-0.55, 0.02, 0.80):
            z = vase(0, ("ceramic", 0.66, 0.62, 0.55, 0.6), 1.0)
            branches(z, 6, 0.55, 41, blossom=True)
        with g.placed(0.15, 0.0, 0.80, 8):
            books(3, 22)
        with g.placed(0.62, 0.02, 0.80):
            vase(2, ("ceramic", 0.18, 0.21, 0.21, 0.4), 0.8)
        with g.placed(0, 0.255, 1.62):
            picture(1.25, 0.95, 2)
    # curtains
    for x, w, s, sp in (
        (-6.90, 0.85, 4, ("drape", 0.66, 0.62, 0.56)),
        (-1.15, 0.82, 5, ("drape", 0.66, 0.62, 0.56)),
        (-6.05, 0.55, 6, ("sheer",)),
        (-1.65, 0.5, 7, ("sheer",)),
    ):
        with g.placed(x, -6.68 + (0.12 if sp[0] == "sheer" else 0) * -1):
            curtain(w, 2.82, s, sp)
    with g.placed(-0.50, -6.2, 0, 90):
        curtain(0.6, 2.72, 8, ("drape", 0.66, 0.62, 0.56))
    g.box((-0.54, -6.25, 2.735), (-0.46, -2.7, 2.76), mat(BLACK), 0.003)


def build_bathroom():
    """Bathroom: vanity on the north wall, tub before the west window, shower in the south-west."""
    stone = m.get("tile", 1.2, 0.6, "wall", 0.56, 0.53, 0.48)
    # wall cladding, north (vanity) wall and west wall
    for p, q in (
        ((-7.0, 3.985, 0), (-1.76, 4.0, 2.86)),
        ((-7.0, -1.4, 0), (-6.985, 0.05, 2.86)),
        ((-7.0, 2.95, 0), (-6.985, 4.0, 2.86)),
        ((-7.0, 0.05, 2.62), (-6.985, 2.95, 2.86)),
        ((-7.0, -1.4, 0), (-3.2, -1.385, 2.86)),
        ((-0.315, -1.4, 0), (-0.3, 4.0, 2.86)),
        ((-3.2, -1.4, 0), (-1.76, -1.385, 2.86)),
        ((-0.65, -1.4, 0), (-0.3, -1.385, 2.86)),
    ):
        g.box(p, q, stone, 0, name="cladding")
    with g.placed(-4.1, 3.985):
        vanity(3.0)
    with g.placed(-5.72, 1.5, 0, 90):
        bathtub()
    with g.placed(-5.05, 0.42, 0, 155):
        bath_filler()
    # stool with towel and soap beside the tub
    with g.placed(-5.0, 0.98):
        g.soft(0, 0, 0.40, 0.38, 0.30, 0.05, mat(("wood", "teak", "x")), 0.02, 0, 1, n=12, wrinkle=0)
        for x, y in ((-0.14, -0.1), (0.14, -0.1), (-0.14, 0.1), (0.14, 0.1)):
            g.tube([(x, y, 0.41), (x * 1.15, y * 1.2, 0)], [0.018, 0.014], m.get("wood", "teak", "z"), 10)
        with g.placed(-0.03, 0, 0.45, 8):
            folded_towels(2)
        with g.placed(0.13, -0.06, 0.45):
            candle(0.07, 0.03)
    # tray across the tub
    with g.placed(-5.72, 1.95, 0.590):
        g.cbox(0, 0, 0.0, 0.92, 0.17, 0.018, mat(("wood", "teak", "x")), 0.004)
        with g.placed(0.15, 0, 0.018):
            candle(0.09, 0.034)
        with g.placed(0.0, 0, 0.018, 25):
            books(1, 2, 0.13, 0.18)
        with g.placed(-0.22, 0, 0.018):
            vase(1, ("ceramic", 0.66, 0.62, 0.55, 0.5), 0.42)
            branches(0.17, 3, 0.25, 55)
    with g.placed(-4.1, 2.35, 0.001), g.placed(0, 0.15):
        rug(2.3, 0.8, ("rug", 0.70, 0.67, 0.61))
    garden.pot("monstera", -6.45, 3.15, 0, 0.21, 0.40, m.get("concrete", 0.50, 0.48, 0.45), 1.15)
    # shower: glass screen, rain head, bench, niche
    x1 = -3.9
    glass = m.get("glass")
    y1 = -0.28
    g.add(
        g.mesh_data(
            "screen",
            [(-6.985, y1, 0.015), (-5.0, y1, 0.015), (-5.0, y1, 2.3), (-6.985, y1, 2.3)],
            [(0, 1, 2, 3)],
            glass,
        )
    )
    g.add(
        g.mesh_data(
            "screen", [(x1, -1.385, 0.015), (x1, y1, 0.015), (x1, y1, 2.3), (x1, -1.385, 2.3)], [(0, 1, 2, 3)], glass
        )
    )
    for p, q in (
        ((-6.985, y1 - 0.01, 2.29), (x1 + 0.01, y1 + 0.01, 2.31)),
        ((x1 - 0.01, -1.385, 2.29), (x1 + 0.01, y1, 2.31)),
        ((-5.01, y1 - 0.01, 0), (-4.99, y1 + 0.01, 2.3)),
        ((x1 - 0.01, y1 - 0.01, 0), (x1 + 0.01, y1 + 0.01, 2.3)),
        ((-6.985, y1 - 0.01, 0.003), (-5.0, y1 + 0.01, 0.02)),
        ((x1 - 0.01, -1.385, 0.003), (x1 + 0.01, y1, 0.02)),
    ):
        g.box(p, q, mat(BRASS), 0.002)
    b = mat(BRASS)
    g.tube([(-5.6, -1.385, 2.18), (-5.6, -0.95, 2.18)], 0.011, b)
    g.cyl(-5.6, -0.88, 2.145, 0.15, 0.02, b, 48)
    g.tube([(-5.6, -0.88, 2.16), (-5.6, -0.88, 2.2)], 0.012, b)
    g.cbox(-5.6, -1.37, 1.05, 0.09, 0.03, 0.20, b, 0.006)
    for z in (1.10, 1.20):
        with g.placed(-5.6, -1.36, z):
            g.tube([(0, 0, 0), (0, -0.05, 0)], 0.018, b, 16)
    g.tube([(-6.1, -1.345, 0.85), (-6.1, -1.345, 1.65)], 0.009, b)
    g.tube([(-6.1, -1.345, 1.55), (-6.06, -1.28, 1.63)], 0.014, b)
    g.tube(g.arc((-6.1, -1.33, 1.5), (-6.0, -1.2, 0.5), (-5.72, -1.36, 1.0), 20), 0.006, b, 8)
    g.box((-6.985, -1.385, 0), (-6.55, -0.30, 0.45), m.get("marble"), 0.006)
    with g.placed(-6.76, -0.62, 0.45, 90):
        folded_towels(2, ("fabric", 0.62, 0.58, 0.52))
    with g.placed(-6.78, -1.1, 0.45):
        g.cyl(0, 0, 0, 0.032, 0.17, m.get("ceramic", 0.10, 0.09, 0.08, 0.3), 28)
        g.cyl(0.08, 0.03, 0, 0.030, 0.14, m.get("ceramic", 0.70, 0.66, 0.58, 0.4), 28)
    # south wall east of the shower: towel rail and a tall cabinet
    g.tube([(-3.5, -1.30, 1.25), (-2.6, -1.30, 1.25)], 0.009, b)
    for x in (-3.47, -2.63):
        g.tube([(x, -1.385, 1.25), (x, -1.30, 1.25)], 0.008, b)
    with g.placed(-3.05, -1.30, 1.25):
        towel(0.55, 0.8)
    g.box((-2.45, -1.385, 0.12), (-1.82, -1.03, 2.3), mat(("wood", "oak", "z")), 0.004)
    g.box((-2.44, -1.03, 0.13), (-2.14, -1.01, 2.29), mat(("wood", "oak", "z")), 0.003)
    g.box((-2.13, -1.03, 0.13), (-1.83, -1.01, 2.29), mat(("wood", "oak", "z")), 0.003)
    with g.placed(-0.315, 1.4, 1.55, -90):
        picture(0.9, 1.2, 1)
    with g.placed(-0.62, 1.4, 0, -90):
        bench(1.1)
        with g.placed(0.25, 0, 0.46):
            folded_towels(3)


def build_hall():
    """Entrance hall with a desk by the west window."""
    with g.placed(-1.9, 7.28):
        g.cbox(0, 0, 0.74, 1.5, 0.34, 0.04, mat(("wood", "walnut", "x")), 0.006)
        for s in (-1, 1):
            g.cbox(s * 0.62, 0, 0, 0.05, 0.30, 0.74, mat(BLACK), 0.004)
        with g.placed(-0.45, 0, 0.78):
            table_lamp(0.56, ("ceramic", 0.16, 0.22, 0.23, 0.35), 2.2, 7)
        with g.placed(0.40, 0, 0.78):
            z = vase(0, ("ceramic", 0.70, 0.66, 0.58, 0.6), 0.95)
            branches(z, 6, 0.6, 71)
        with g.placed(0, 0, 0.78, 5):
            books(2, 33)
        with g.placed(0, 0.19, 1.62):
            ring = [(0.52 * math.cos(a), -0.02, 0.52 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 64)]
            g.tube(ring, 0.012, mat(BRASS), 10)
            v = [
                (0.51 * math.cos(a), -0.014, 0.51 * math.sin(a))
                for a in np.linspace(0, 2 * math.pi, 64, endpoint=False)
            ]
            g.add(g.mesh_data("round-mirror", v, [tuple(range(64))[::-1]], m.get("mirror")))
        with g.placed(0.0, -0.1, 0):
            for k, x in enumerate((-0.25, 0.25)):
                g.soft(
                    x, 0.05, 0, 0.36, 0.28, 0.34, m.get("wicker", 0.40, 0.29, 0.17), 0.05, 0.01, k, n=12, wrinkle=0.004
                )
    with g.placed(-3.6, 5.85, 0.001, 90):
        rug(1.2, 4.6, ("rug", 0.50, 0.44, 0.36, 1))
    with g.placed(-4.6, 4.2, 1.6, 180):
        picture(1.5, 1.1, 1)
    with g.placed(-4.6, 4.46, 0, 180):
        bench(1.5)
        cushion(-0.4, 0.12, 0.47, 0.44, 0.44, 0.15, SEA, 5, 66, 6)
    with g.placed(-2.6, 4.2, 1.6, 180):
        picture(0.8, 1.1, 2)
    # desk at the west window
    with g.placed(-6.55, 5.9, 0, 90):
        g.cbox(0, 0, 0.72, 1.6, 0.70, 0.035, mat(("wood", "walnut", "x")), 0.006)
        for s in (-1, 1):
            g.cbox(s * 0.72, 0, 0, 0.04, 0.60, 0.72, mat(BLACK), 0.004)
        with g.placed(-0.55, 0.12, 0.755):
            table_lamp(0.50, ("ceramic", 0.60, 0.55, 0.48, 0.5), 2.2, 6, 1)
        with g.placed(0.50, 0.10, 0.755, 10):
            books(4, 44, 0.2, 0.26)
        with g.placed(0.02, -0.08, 0.755, 4):
            g.cbox(0, 0, 0, 0.33, 0.23, 0.012, mat(STEEL), 0.004)
        with g.placed(0.0, -0.62, 0, 180 + 18):
            dining_chair(("leather",), seed=8)
    garden.pot("ficus", -6.55, 4.62, 0, 0.2, 0.40, m.get("concrete", 0.55, 0.53, 0.50), 0.95)
    pendant(-4.4, 5.9, 2.9, 0.62, 1, 12)


def lounger():
    """A teak sun lounger with mattress, its head raised; head at +y."""
    wm = m.get("wood", "teak", "y")
    for s in (-1, 1):
        g.cbox(s * 0.31, 0, 0.24, 0.05, 2.0, 0.07, wm, 0.006)
        for y in (-0.85, 0.75):
            g.cbox(s * 0.31, y, 0, 0.05, 0.07, 0.25, m.get("wood", "teak", "z"), 0.005)
    for k in range(16):
        g.cbox(0, -0.94 + k * 0.082, 0.285, 0.60, 0.055, 0.018, m.get("wood", "teak", "x"), 0.003)
    g.soft(0, -0.32, 0.31, 0.62, 1.32, 0.09, mat(IVORY), 0.04, 0.008, 1, n=14)
    with g.placed(0, 0.34, 0.32), g.placed(tilt_deg=33):
        g.cbox(0, 0.33, -0.02, 0.60, 0.68, 0.02, m.get("wood", "teak", "x"), 0.004)
        g.soft(0, 0.34, 0, 0.62, 0.70, 0.09, mat(IVORY), 0.04, 0.008, 2, n=14)
        with g.placed(0, 0.52, 0.13):
            g.pillow(0.48, 0.28, 0.12, mat(SEA), 4)
    g.tube([(0, 0.85, 0.30), (0, 0.9, 0.62)], 0.012, wm)


def parasol(h=2.65, r=1.55, spec=("fabric", 0.78, 0.75, 0.69)):
    """A square-cut canvas parasol on a stone foot."""
    g.cyl(0, 0, 0, 0.28, 0.07, m.get("concrete", 0.35, 0.34, 0.33), 40)
    g.cyl(0, 0, 0.05, 0.026, h, m.get("wood", "teak", "z"), 20)
    n = 8

    def fn(u, v):
        a = u * 2 * math.pi
        k = (u * n) % 1
        sag = 1 - 0.055 * math.sin(k * math.pi) * v
        return (
            r * v * math.cos(a) * sag,
            r * v * math.sin(a) * sag,
            h + 0.05 - 0.50 * v**1.15 - 0.05 * math.sin(k * math.pi) * v,
        )

    g.sheet(fn, n * 8 + 1, 12, mat(spec), 0.004)
    for k in range(n):
        a = 2 * math.pi * k / n
        g.tube([(0, 0, h), (r * math.cos(a), r * math.sin(a), h + 0.035 - 0.50)], 0.010, m.get("wood", "teak", "x"), 8)


def outdoor_sofa(w=2.4, seed=0):
    """A teak-framed outdoor sofa."""
    wm = m.get("wood", "teak", "x")
    d = 0.92
    for s in (-1, 1):
        for y in (-0.40, 0.40):
            g.cbox(s * (w / 2 - 0.04), y, 0, 0.07, 0.07, 0.60, m.get("wood", "teak", "z"), 0.008)
        g.cbox(s * (w / 2 - 0.04), 0, 0.56, 0.09, d, 0.04, m.get("wood", "teak", "y"), 0.008)
    g.cbox(0, 0, 0.20, w, d - 0.06, 0.07, wm, 0.008)
    for z in (0.36, 0.46, 0.56):
        g.cbox(0, 0.41, z, w - 0.1, 0.035, 0.06, wm, 0.006)
    n = max(1, round(w / 0.8))
    for k in range(n):
        x = -w / 2 + 0.1 + (w - 0.2) * (k + 0.5) / n
        g.soft(x, -0.06, 0.27, (w - 0.2) / n - 0.01, 0.76, 0.15, mat(IVORY), 0.055, 0.02, seed + k)
        with g.placed(x, 0.27, 0.41), g.placed(tilt_deg=-13):
            g.soft(0, 0, 0, (w - 0.2) / n - 0.03, 0.17, 0.38, mat(IVORY), 0.07, 0.03, seed + 5 + k, wrinkle=0.006)


def build_terrace():
    """Terrace: dinner table under the roof, lounge with fire bowl, loungers by the pool."""
    with g.placed(15.2, -2.3, -0.02):
        top = m.get("planks", "teak", "x", 0.115, 6.0, 0.45, 0.004)
        g.box((-1.65, -0.52, 0.71), (1.65, 0.52, 0.75), top, 0.006)
        for s in (-1, 1):
            g.cbox(s * 1.25, 0, 0, 0.10, 0.70, 0.71, m.get("wood", "teak", "z"), 0.01)
        g.cbox(0, 0, 0.60, 2.5, 0.08, 0.09, m.get("wood", "teak", "x"), 0.008)
        for k, x in enumerate((-1.14, -0.38, 0.38, 1.14)):
            for s in (-1, 1):
                with g.placed(x, s * 0.80, 0, 0 if s > 0 else 180):
                    wicker_chair(k + 3 * s)
                with g.placed(x, s * 0.34, 0.75, 0 if s < 0 else 180):
                    setting(k + s)
        with g.placed(0, 0, 0.75):

            def runner(u, v):
                return (u - 0.5) * 2.6, (v - 0.5) * 0.26, 0.003 + 0.003 * g.rnd_noise(u * 9, v * 3, 2)

            g.sheet(runner, 50, 8, m.get("fabric", 0.70, 0.66, 0.58), 0.004)
            for k, x in enumerate((-0.95, -0.78, 0.80, 0.97, 0.30)):
                with g.placed(x, (-0.03, 0.05, 0.02, -0.05, 0.04)[k], 0.007):
                    candle((0.10, 0.16, 0.14, 0.08, 0.11)[k], 0.034, True)
            with g.placed(-0.08, 0, 0.007):
                z = vase(2, ("ceramic", 0.66, 0.62, 0.55, 0.6), 0.95)
                branches(z, 12, 0.42, 81, ("leaf", 0.12, 0.16, 0.08, 0.5, 0.4), True)
            with g.placed(-0.48, 0.02, 0.007):
                bowl(0.13, 0.06, ("wood", "oak", "x"), ("ceramic", 0.50, 0.06, 0.05, 0.4), 2)
            with g.placed(0.56, 0, 0.007):  # bottle
                g.lathe(
                    [
                        (0.001, 0),
                        (0.036, 0),
                        (0.038, 0.01),
                        (0.038, 0.19),
                        (0.030, 0.22),
                        (0.014, 0.25),
                        (0.013, 0.31),
                        (0.015, 0.315),
                        (0.001, 0.315),
                    ],
                    m.get("ceramic", 0.012, 0.03, 0.015, 0.06),
                    36,
                )
        for x in (-0.95, 0, 0.95):
            pendant(x, 0, 3.32, 1.15, 1, 14)
    # lounge group in the corner by the bedroom wing
    with g.placed(2.9, -2.25, -0.02):
        with g.placed(0.1, 0, 0.001):
            rug(3.4, 2.6, ("rug", 0.56, 0.52, 0.45))
        with g.placed(0, 0.98, 0):
            outdoor_sofa(2.5, 3)
            cushion(-0.85, 0.08, 0.43, 0.48, 0.48, 0.16, SEA, 3, 64, 8)
            cushion(0.85, 0.08, 0.43, 0.48, 0.48, 0.16, RUST, 4, 64, -8)
        with g.placed(-1.55, -0.35, 0, 90):
            outdoor_sofa(0.95, 13)
            cushion(0, 0.08, 0.43, 0.46, 0.34, 0.14, SAND, 5, 64, 3)
        with g.placed(1.75, -0.35, 0, -90):
            outdoor_sofa(0.95, 23)
            cushion(0, 0.08, 0.43, 0.46, 0.34, 0.14, SEA, 6, 64, -3)
        with g.placed(0.1, -0.15, 0.02):
            g.lathe(
                [
                    (0.001, 0),
                    (0.34, 0),
                    (0.40, 0.02),
                    (0.50, 0.30),
                    (0.50, 0.34),
                    (0.465, 0.34),
                    (0.42, 0.26),
                    (0.001, 0.24),
                ],
                m.get("concrete", 0.33, 0.32, 0.31),
                56,
            )
            rng = random.Random(2)
            for k in range(26):
                a, r, h = rng.uniform(0, 6.28), 0.30 * math.sqrt(rng.random()), rng.uniform(0.10, 0.26)
                g.lathe(
                    [(0.003, 0.26), (0.03, 0.28), (0.024, 0.26 + h * 0.45), (0.008, 0.26 + h * 0.8), (0.001, 0.26 + h)],
                    m.get("flame"),
                    8,
                    r * math.cos(a),
                    r * math.sin(a),
                )
            for k in range(60):
                a, r = rng.uniform(0, 6.28), 0.40 * math.sqrt(rng.random())
                with g.placed(r * math.cos(a), r * math.sin(a), 0.24, rng.uniform(0, 360)):
                    g.soft(0, 0, 0, 0.07, 0.055, 0.04, m.get("concrete", 0.10, 0.10, 0.10), 0.02, 0, k, n=6, wrinkle=0)
            light.point(0, 0, 0.55, 16, (1, 0.45, 0.15), 0.15)
    with g.placed(6.0, -1.1, -0.02):
        lantern(1.1)
    with g.placed(6.32, -1.28, -0.02):
        lantern(0.75)
    # loungers along the pool's east end and north side
    for x in (8.2, 9.35, 11.0, 12.15):
        with g.placed(x, -4.0, -0.02):
            lounger()
    for x in (8.78, 11.58):
        with g.placed(x, -3.6, -0.02):
            side_table(0.42, 0.19, ("wood", "teak", "x"))
            with g.placed(0.03, 0, 0.42):
                tumbler()
    with g.placed(10.18, -3.7, -0.02):
        parasol()
    # a pair of day chairs by the east rim, looking out to sea
    with g.placed(18.6, -7.0, -0.02, -28):
        outdoor_sofa(0.95, 33)
        cushion(0, 0.08, 0.43, 0.46, 0.34, 0.14, RUST, 7, 64, 2)
    with g.placed(19.75, -7.45, -0.02, -40):
        outdoor_sofa(0.95, 43)
    with g.placed(19.0, -8.0, -0.02):
        side_table(0.36, 0.24, ("wood", "teak", "x"))
    # planters
    conc = m.get("concrete", 0.50, 0.48, 0.45)
    for kind, x, y, r, h, s in (
        ("olive-pot", 0.75, -0.75, 0.30, 0.55, 1.15),
        ("agave", 0.85, -4.3, 0.34, 0.42, 0.8),
        ("olive-pot", 12.15, -0.75, 0.30, 0.55, 1.2),
        ("agave", 17.2, -4.75, 0.34, 0.42, 0.85),
        ("grass2", 18.3, -0.62, 0.26, 0.5, 0.9),
        ("agave", 20.0, -5.2, 0.30, 0.36, 0.7),
        ("olive-pot", -0.65, -7.9, 0.30, 0.55, 1.1),
        ("agave", 1.0, -8.6, 0.34, 0.42, 0.8),
        ("palm-pot", 19.9, -0.75, 0.28, 0.5, 1.2),
        ("aloe", 7.0, -1.0, 0.2, 0.3, 1.0),
    ):
        garden.pot(kind, x, y, -0.02, r, h, conc, s)
    for x in (-5.45, -3.35):
        garden.pot("olive-pot", x, 8.35, -0.02, 0.26, 0.5, conc, 1.1)
    # two chairs outside the bedroom
    for x, t in ((-5.2, 12), (-3.7, -12)):
        with g.placed(x, -7.85, -0.02, t):
            lounge_chair(IVORY, 60 + int(x), "teak")
    with g.placed(-4.45, -8.0, -0.02):
        side_table(0.42, 0.2, ("wood", "teak", "x"))


def build():
    """Furnish every room, each in a collection of its name."""
    for name, fn in (
        ("living", build_living),
        ("dining", build_dining),
        ("kitchen", build_kitchen),
        ("bedroom", build_bedroom),
        ("bathroom", build_bathroom),
        ("hall", build_hall),
        ("terrace", build_terrace),
    ):
        with g.collected(name):
            fn()
