"""The shell: slabs, walls with their openings, glazing, roofs, stone cladding, pool basin, terrace.

Belongs here: everything a builder leaves behind before the furniture arrives, and the plan's
numbers (`ROOMS`, `WALLS`), from which the floor plan is drawn too.
Does not belong here: furniture, plants, lamps.

Plan: x runs east, y north, z up, metres; the sea lies south (negative y). Finished floor is z = 0.
"""

import random

import materials as m
import mesh as g
import numpy as np

# name: (x0, x1, y0, y1, ceiling height)
ROOMS = {
    "living": (0.0, 9.5, 0.0, 7.5, 3.3),
    "dining": (9.5, 13.5, 0.0, 7.5, 3.3),
    "kitchen": (13.5, 19.0, 0.0, 7.5, 3.3),
    "bedroom": (-7.0, -0.3, -7.0, -1.6, 2.9),
    "bathroom": (-7.0, -0.3, -1.4, 4.0, 2.9),
    "hall": (-7.0, -0.3, 4.2, 7.5, 2.9),
}
POOL = (1.8, 15.8, -9.6, -5.2)
POOL_DEPTH = 1.35
WATER_Z = -0.045

# Walls as (axis it runs along, fixed lo, fixed hi, start, end, height, openings (start, end, sill, head))
WALLS = [
    (
        "x",
        7.5,
        7.8,
        -7.3,
        19.3,
        3.3,
        [(-5.1, -3.7, 0, 2.6), (1.4, 2.0, 0.0, 3.0), (7.4, 8.0, 0.0, 3.0), (9.6, 12.6, 1.0, 2.6)],
    ),
    ("y", 19.0, 19.3, 0.0, 7.5, 3.3, [(0.9, 5.6, 0.0, 2.75)]),
    ("y", -0.3, 0.0, -7.0, 7.5, 3.3, [(-5.9, -3.0, 0.0, 2.6), (4.95, 7.0, 0.0, 2.6)]),
    ("y", -7.3, -7.0, -7.3, 7.5, 2.9, [(0.1, 2.9, 0.0, 2.6), (5.0, 6.8, 0.9, 2.4)]),
    ("x", -1.6, -1.4, -7.0, -0.3, 2.9, [(-1.7, -0.7, 0, 2.4)]),
    ("x", 4.0, 4.2, -7.0, -0.3, 2.9, [(-1.7, -0.8, 0, 2.4)]),
]


def wall(axis, lo, hi, start, end, height, openings, mat, z0=0.0):
    """One wall cut around its openings."""

    def piece(a, b, za, zb):
        if b - a < 1e-4 or zb - za < 1e-4:
            return
        p, q = ((a, lo, za), (b, hi, zb)) if axis == "x" else ((lo, a, za), (hi, b, zb))
        g.box(p, q, mat, 0.0, name="wall")

    at = start
    for a, b, sill, head in sorted(openings):
        piece(at, a, z0, height)
        piece(a, b, z0, sill)
        piece(a, b, head, height)
        at = b
    piece(at, end, z0, height)


def skirting(axis, at, side, start, end, openings, mat):
    """A 9 cm skirting board on one side (+1/-1) of the plane `at`, left out where doors are."""
    pos = start
    cuts = [(a, b) for a, b, sill, _ in sorted(openings) if sill < 0.05] + [(end, end)]
    for a, b in cuts:
        a = min(max(a, start), end)
        if a - pos > 0.02:
            lo, hi = sorted((at, at + side * 0.013))
            p, q = ((pos, lo, 0), (a, hi, 0.09)) if axis == "x" else ((lo, pos, 0), (hi, a, 0.09))
            g.box(p, q, mat, 0.004, 1, name="skirting")
        pos = max(pos, b)


def glazing(axis, at, start, end, z0, z1, bays, gone=(), frame=0.055, depth=0.11, mat=None):
    """A row of framed panes centred on the plane `at`; `gone` bays stand open."""
    mat = mat or m.get("metal", 0.028, 0.026, 0.025, 0.42, 0.6)
    glass = m.get("glass")

    def bar(a, b, za, zb, d=depth, off=0.0):
        p, q = (
            ((a, at - d / 2 + off, za), (b, at + d / 2 + off, zb))
            if axis == "x"
            else ((at - d / 2 + off, a, za), (at + d / 2 + off, b, zb))
        )
        g.box(p, q, mat, 0.004, 1, name="frame")

    bar(start, end, z1 - frame, z1)
    bar(start, end, z0, z0 + 0.02 if z0 < 0.05 else z0 + frame)
    bar(start, start + frame, z0, z1)
    bar(end - frame, end, z0, z1)
    step = (end - start) / bays

    def pane(a, b, off):
        h = 0.045
        za, zb = z0 + 0.02, z1 - frame
        bar(a, b, za, za + h + 0.02, 0.05, off)
        bar(a, b, zb - h, zb, 0.05, off)
        bar(a, a + h, za, zb, 0.05, off)
        bar(b - h, b, za, zb, 0.05, off)
        y = at + off
        c = [(a + h, y, za + h), (b - h, y, za + h), (b - h, y, zb - h), (a + h, y, zb - h)]
        if axis == "y":
            c = [(q, p, r) for p, q, r in c]
        g.add(g.mesh_data("pane", c, [(0, 1, 2, 3)], glass), "pane")

    for k in range(bays):
        a, b = start + k * step, start + (k + 1) * step
        if k in gone:
            continue
        off = 0.027 if k % 2 else -0.027
        pane(a + (0.0 if k else 0.03), b + 0.02 if k < bays - 1 else b - 0.03, off)
        if gone and (k + 1 in gone or k - 1 in gone):  # the slid-away panels stand behind their neighbours
            pane(a + 0.05, b - 0.01, -off * 3 if off < 0 else -0.081)


def ashlar(axis, at, side, start, end, z0, z1, seed=0, holes=(), depth=0.05):
    """Stacked natural stone laid on a wall face, stone by stone. `holes`: (a0, a1, z0, z1) kept free."""
    rng = random.Random(seed)
    verts, quads, tints = [], [], []
    z = z0
    while z < z1 - 0.01:
        h = min(rng.choice([0.055, 0.075, 0.095, 0.12, 0.15]), z1 - z)
        if z1 - z - h < 0.03:
            h = z1 - z
        a = start - rng.uniform(0, 0.25)
        while a < end - 0.005:
            w = rng.uniform(0.18, 0.62) * (0.8 + h * 3)
            lo, hi = max(a, start), min(a + w, end)
            a += w
            if hi - lo < 0.02:
                continue
            zz0, zz1 = z, z + h
            pieces = [(lo, hi, zz0, zz1)]
            for h0, h1, hz0, hz1 in holes:
                nxt = []
                for p0, p1, q0, q1 in pieces:
                    if p1 <= h0 or p0 >= h1 or q1 <= hz0 or q0 >= hz1:
                        nxt.append((p0, p1, q0, q1))
                        continue
                    if p0 < h0:
                        nxt.append((p0, h0, q0, q1))
                    if p1 > h1:
                        nxt.append((h1, p1, q0, q1))
                    if q0 < hz0:
                        nxt.append((max(p0, h0), min(p1, h1), q0, hz0))
                    if q1 > hz1:
                        nxt.append((max(p0, h0), min(p1, h1), hz1, q1))
                pieces = nxt
            d = depth * rng.uniform(0.55, 1.0)
            tint = min(1, max(0, rng.gauss(0.5, 0.24)))
            for p0, p1, q0, q1 in pieces:
                if p1 - p0 < 0.012 or q1 - q0 < 0.008:
                    continue
                c, e = 0.0025, 0.010  # joint and chamfer
                s = len(verts)
                for dd, inset in ((0.0, c), (d - e, c), (d, c + e)):
                    inset = min(inset, (p1 - p0) * 0.45, (q1 - q0) * 0.45)
                    for u, v in (
                        (p0 + inset, q0 + inset),
                        (p1 - inset, q0 + inset),
                        (p1 - inset, q1 - inset),
                        (p0 + inset, q1 - inset),
                    ):
                        f = at + side * dd
                        verts.append((u, f, v) if axis == "x" else (f, u, v))
                for r in (0, 4):
                    for k in range(4):
                        quads.append((s + r + k, s + r + (k + 1) % 4, s + r + 4 + (k + 1) % 4, s + r + 4 + k))
                quads.append((s + 8, s + 9, s + 10, s + 11))
                tints += [tint] * 9
        z += h
    q = np.array(quads)
    if (axis == "x") == (side > 0):
        q = q[:, ::-1]
    me = g.quads_data("ashlar", verts, q, m.get("ashlar"), smooth=False)
    att = me.attributes.new("tint", "FLOAT", "FACE")
    att.data.foreach_set("value", np.array(tints, np.float32))
    return g.add(me, "ashlar")


def build():
    """The whole shell, in the collections `shell` and `pool`."""
    plaster, ceil = m.get("plaster"), m.get("plaster", 0.84, 0.825, 0.79)
    white = m.get("paint", 0.78, 0.765, 0.73, 0.4)
    soffit = m.get("planks", "cedar", "y", 0.14, 3.2, 0.45)
    with g.collected("shell"):
        for w in WALLS:
            wall(*w, plaster)
        # floors
        oak = m.get("planks", "pale", "x", 0.19, 2.4, 0.34)
        g.box((-0.3, 0, -0.2), (19.3, 7.5, 0), oak, 0, name="floor-main")
        g.box((-7, -7.0, -0.2), (-0.3, -1.5, 0), oak, 0, name="floor-bed")
        g.box(
            (-7, -1.5, -0.2),
            (-0.3, 4.1, 0),
            m.get("tile", 0.9, 0.9, "xy", 0.56, 0.53, 0.48, 0.28),
            0,
            name="floor-bath",
        )
        g.box((-7, 4.1, -0.2), (-0.3, 7.5, 0), m.get("travertine", 0.9, 0.6, 0.3), 0, name="floor-hall")
        # plinths under the house
        g.box((-7.3, -7.3, -3.0), (0.0, 7.8, -0.2), plaster, 0, name="plinth")
        g.box((0.0, 0.0, -3.0), (19.3, 7.8, -0.2), plaster, 0, name="plinth")
        # roofs: main, bedroom wing; thin visible edge, white fascia, cedar underside
        for x0, x1, y0, y1, z0, z1 in (
            (-0.75, 20.6, -2.7, 8.3, 3.3, 3.68),
            (12.2, 20.6, -4.5, -2.7, 3.3, 3.68),
            (-8.2, -0.04, -8.7, 8.2, 2.9, 3.2),
        ):
            g.box((x0, y0, z0 + 0.02), (x1, y1, z1), m.get("plaster", 0.82, 0.80, 0.765), 0.0, name="roof")
        g.box((-0.75, -2.66, 3.3), (20.56, 8.26, 3.32), soffit, 0, name="soffit")
        g.box((12.24, -4.46, 3.3), (20.56, -2.66, 3.32), soffit, 0, name="soffit")
        g.box(
            (-8.16, -8.66, 2.9),
            (-0.3, 8.16, 2.92),
            m.get("planks", "cedar", "y", 0.14, 3.2, 0.45),
            0,
            name="soffit-wing",
        )
        g.box((-7.0, -6.9, 2.86), (-0.3, 7.5, 2.9), ceil, 0, name="ceiling-wing")
        # gravel on the roofs, edge trims of dark metal
        trim = m.get("metal", 0.05, 0.047, 0.045, 0.45, 0.5)
        g.box((-0.6, -2.5, 3.68), (20.4, 8.1, 3.70), m.get("gravel", 0.6, 0.58, 0.54), 0)
        g.box((-8.0, -8.5, 3.2), (-0.8, 8.0, 3.22), m.get("gravel", 0.6, 0.58, 0.54), 0)
        for x0, x1, y0, y1, z in (
            (-0.78, 20.63, -2.73, -2.69, 3.68),
            (12.17, 20.63, -4.53, -4.49, 3.68),
            (20.59, 20.63, -4.53, 8.33, 3.68),
            (-0.78, -0.74, -2.73, 8.33, 3.68),
            (-8.23, -0.75, -8.73, -8.69, 3.2),
            (-8.23, -8.19, -8.73, 8.23, 3.2),
            (-0.04, 0.03, -8.73, -2.73, 3.2),
            (-0.78, 20.63, 8.29, 8.33, 3.68),
            (-8.23, -0.75, 8.19, 8.23, 3.2),
        ):
            g.box((x0, y0, z - 0.07), (x1, y1, z + 0.03), trim, 0.003, 1, name="trim")
        g.box((12.2, -4.5, 3.68), (20.6, -2.5, 3.70), m.get("gravel", 0.6, 0.58, 0.54), 0)
        # columns of the dining terrace
        for x in (12.7, 20.1):
            g.cbox(x, -4.1, -0.02, 0.16, 0.16, 3.33, m.get("metal", 0.05, 0.047, 0.045, 0.45, 0.5), 0.006)
        # glass fronts
        glazing("x", 0.05, 0.0, 19.0, 0.0, 3.3, 8, gone=(2, 3))
        g.box((0, -0.06, 3.22), (19.0, 0.16, 3.3), trim, 0.003, 1)
        glazing("x", -7.0, -7.0, -0.3, 0.0, 2.86, 3)
        glazing("y", -0.15, -5.9, -3.0, 0.0, 2.6, 2)
        glazing("y", -7.15, 0.1, 2.9, 0.0, 2.6, 2)
        glazing("y", -7.15, 5.0, 6.8, 0.9, 2.4, 1)
        glazing("y", 19.15, 0.9, 5.6, 0.0, 2.75, 3)
        glazing("x", 7.65, 1.4, 2.0, 0.0, 3.0, 1)
        glazing("x", 7.65, 7.4, 8.0, 0.0, 3.0, 1)
        glazing("x", 7.65, 9.6, 12.6, 1.0, 2.6, 2)
        # skirting
        for axis, lo, hi, a, b, h, op in WALLS:
            if axis == "x" and lo == 7.5:
                skirting("x", 7.5, -1, -7, 19, op, white)
            elif axis == "y" and lo == -0.3:
                skirting("y", -0.3, -1, -7, 7.5, op + [(-1.6, -1.4, 0, 9), (4.0, 4.2, 0, 9)], white)
                skirting("y", 0.0, 1, 4.62, 7.5, op, white)
            elif axis == "x":
                skirting("x", lo, -1, a, b, op, white)
                skirting("x", hi, 1, a, b, op, white)
            elif lo == -7.3:
                skirting("y", -7.0, 1, 4.2, 7.5, op, white)
        # door linings and the doors of the bedroom wing
        walnut = m.get("wood", "walnut", "z")
        for y, x0, x1, hh in ((-1.5, -1.7, -0.7, 2.4), (4.1, -1.7, -0.8, 2.4)):
            g.box((x0 - 0.05, y - 0.115, 0), (x0 + 0.02, y + 0.115, hh + 0.05), walnut, 0.004)
            g.box((x1 - 0.02, y - 0.115, 0), (x1 + 0.05, y + 0.115, hh + 0.05), walnut, 0.004)
            g.box((x0 + 0.02, y - 0.115, hh - 0.02), (x1 - 0.02, y + 0.115, hh + 0.05), walnut, 0.004)
            g.box(
                (x0 + 0.02, y - 0.022, 0.008), (x1 - 0.02, y + 0.022, hh - 0.025), m.get("wood", "walnut", "z"), 0.003
            )
            g.tube(
                [(x0 + 0.09, y - 0.07, 1.02), (x0 + 0.22, y - 0.07, 1.02)],
                0.009,
                m.get("metal", 0.55, 0.42, 0.22, 0.25, 1.0),
            )
            g.tube(
                [(x0 + 0.09, y - 0.075, 1.02), (x0 + 0.09, y - 0.02, 1.02)],
                0.011,
                m.get("metal", 0.55, 0.42, 0.22, 0.25, 1.0),
            )
        # entrance door: pivoting, walnut boards, long brass pull
        g.box(
            (-5.1, 7.58, 0.0), (-3.7, 7.72, 2.6), m.get("planks", "walnut", "z", 0.16, 3.0, 0.4, 0.002, "wall"), 0.004
        )
        g.tube([(-4.0, 7.80, 0.7), (-4.0, 7.80, 2.1)], 0.016, m.get("metal", 0.55, 0.42, 0.22, 0.25, 1.0))
        for z in (0.85, 1.95):
            g.tube([(-4.0, 7.72, z), (-4.0, 7.80, z)], 0.010, m.get("metal", 0.55, 0.42, 0.22, 0.25, 1.0))
        # cased opening hall to living
        for y in (4.95, 7.0):
            g.box((-0.33, y - 0.02, 0), (0.03, y + 0.02, 2.62), walnut, 0.004)
        g.box((-0.33, 4.93, 2.58), (0.03, 7.02, 2.62), walnut, 0.004)
        # stone: chimney wall inside, outside end walls
        c = 0.34  # the chimney breast stands this far out
        for p, q in (
            ((0, 0.12, 0), (c, 4.58, 0.42)),
            ((0, 0.12, 0.98), (c, 4.58, 3.3)),
            ((0, 0.12, 0.42), (c, 1.1, 0.98)),
            ((0, 3.7, 0.42), (c, 4.58, 0.98)),
        ):
            g.box(p, q, plaster, 0)
        ashlar("y", c, 1, 0.12, 4.60, 0.0, 3.3, 3, holes=[(1.1, 3.7, 0.42, 0.98)])
        ashlar("x", 4.58, 1, 0.0, c + 0.04, 0.0, 3.3, 13, depth=0.04)
        ashlar(
            "y",
            -7.3,
            -1,
            -7.3,
            7.8,
            -2.0,
            2.9,
            5,
            holes=[(0.0, 3.0, -0.05, 2.68), (4.95, 6.85, 0.85, 2.45)],
            depth=0.06,
        )
        ashlar("x", 7.8, 1, -3.4, -0.3, -0.1, 2.9, 7, depth=0.05)
        ashlar("x", 7.8, 1, -7.3, -5.4, -0.1, 2.9, 8, depth=0.05)
        ashlar("y", 0.0, 1, -7.3, -6.1, -0.4, 2.9, 9, depth=0.05)
        ashlar("x", -7.3, -1, -7.35, -7.05, -2.0, 2.9, 10, depth=0.05)
        # fireplace: long, low, black steel, flames in a row
        black = m.get("metal", 0.012, 0.012, 0.012, 0.5, 0.4)
        g.box((0.0, 1.1, 0.42), (0.02, 3.7, 0.98), black, 0)
        for p, q in (
            ((0.02, 1.08, 0.40), (0.405, 3.72, 0.43)),
            ((0.02, 1.08, 0.97), (0.405, 3.72, 1.0)),
            ((0.02, 1.08, 0.40), (0.405, 1.11, 1.0)),
            ((0.02, 3.69, 0.40), (0.405, 3.72, 1.0)),
        ):
            g.box(p, q, black, 0.002)
        g.box((0.08, 1.2, 0.43), (0.30, 3.6, 0.455), m.get("soil"), 0)
        rng = random.Random(4)
        for k in range(46):
            y, h = 1.35 + 2.1 * k / 45, rng.uniform(0.09, 0.26)
            x = 0.19 + rng.uniform(-0.03, 0.03)
            g.lathe(
                [
                    (0.004, 0.455),
                    (0.026, 0.48),
                    (0.022, 0.455 + h * 0.45),
                    (0.008, 0.455 + h * 0.8),
                    (0.001, 0.455 + h),
                ],
                m.get("flame"),
                8,
                x,
                y,
            )
        # hearth bench of dark stone
        g.box((0.34, 0.35, 0.16), (0.86, 4.5, 0.30), m.get("concrete", 0.16, 0.155, 0.15), 0.006)
        g.box((0.34, 0.55, 0.0), (0.74, 4.3, 0.16), m.get("concrete", 0.09, 0.088, 0.085), 0.004)
        # garage wing and court
        g.box((13.2, 7.8, -0.3), (19.3, 14.2, 2.9), plaster, 0)
        g.box((12.7, 7.9, 2.9), (19.8, 14.7, 3.2), m.get("plaster", 0.82, 0.80, 0.765), 0)
        g.box((12.67, 14.68, 3.13), (19.83, 14.73, 3.23), trim, 0.003)
        g.box((12.67, 7.9, 3.13), (12.72, 14.7, 3.23), trim, 0.003)
        g.box((12.74, 7.94, 2.88), (19.76, 14.66, 2.9), soffit, 0)
        for y0, y1 in ((8.5, 10.9), (11.3, 13.7)):
            g.box(
                (13.16, y0, -0.05), (13.21, y1, 2.35), m.get("planks", "teak", "y", 0.12, 4, 0.45, 0.003, "wall"), 0.003
            )
        # entrance canopy
        g.box((-5.9, 7.8, 2.62), (-3.0, 9.6, 2.74), m.get("plaster", 0.82, 0.80, 0.765), 0.005)
        g.box((-5.86, 7.8, 2.60), (-3.04, 9.56, 2.62), soffit, 0)
        g.cbox(-3.1, 9.45, -0.1, 0.1, 0.1, 2.72, trim, 0.004)
        g.box((-5.7, 7.8, -0.12), (-3.1, 10.1, -0.02), m.get("travertine", 1.3, 0.8), 0.008)
    with g.collected("pool"):
        deck = m.get("travertine", 1.2, 0.8, 0.5)
        x0, x1, y0, y1 = POOL
        for p, q in (
            ((-0.0, y1, -0.32), (20.8, 0.0, -0.02)),
            ((x1, -9.6, -0.32), (20.8, y1, -0.02)),
            ((0.0, -9.6, -0.32), (x0, y1, -0.02)),
            ((-8.2, -9.2, -0.32), (0.0, -7.0, -0.02)),
        ):
            g.box(p, q, deck, 0.012, 2, name="deck")
        # retaining walls below the terrace
        g.box((0.0, -9.35, -4.0), (x0, -5, -0.32), m.get("plaster"), 0)
        g.box((x1, -9.35, -4.0), (20.6, -5, -0.32), m.get("plaster"), 0)
        g.box((-8.1, -9.1, -4.0), (0.05, -7.2, -0.32), m.get("plaster"), 0)
        # basin
        mos = m.get("mosaic")
        b = -POOL_DEPTH
        g.box((x0 - 0.25, y0 - 0.25, b - 0.2), (x1 + 0.25, y1 + 0.25, b), mos, 0)
        g.box((x0 - 0.25, y1 - 0.008, b), (x1 + 0.25, y1 + 0.25, -0.034), mos, 0)
        g.box((x0 - 0.25, y0 - 0.20, b), (x0 + 0.008, y1, -0.034), mos, 0)
        g.box((x1 - 0.008, y0 - 0.20, b), (x1 + 0.25, y1, -0.034), mos, 0)
        g.box(
            (x0 - 0.25, y0 - 0.22, -4.0),
            (x1 + 0.25, y0, WATER_Z - 0.012),
            m.get("travertine", 1.2, 0.6, 0.3, 0.40, 0.37, 0.32, "wall"),
            0.004,
        )
        for k in range(4):  # steps in the west end, one broad shelf
            g.box(
                (x0, y0 + 0.0, b),
                (x0 + 0.4 + 0.35 * (3 - k) + (1.3 if k == 0 else 0), y1, b + 0.26 * (k + 1)),
                mos,
                0.01,
            ) if k < 3 else None
        w = [(x0, y0 - 0.20, WATER_Z), (x1, y0 - 0.20, WATER_Z), (x1, y1, WATER_Z), (x0, y1, WATER_Z)]
        g.add(g.mesh_data("water", w, [(0, 1, 2, 3)], m.get("pool_water")), "water")
        # water running over the edge, and the gutter that takes it up
        v = [
            (x0, y0 - 0.225, WATER_Z - 0.001),
            (x1, y0 - 0.225, WATER_Z - 0.001),
            (x1, y0 - 0.225, -1.1),
            (x0, y0 - 0.225, -1.1),
        ]
        g.add(g.mesh_data("spill", v, [(0, 1, 2, 3)], m.get("pool_water")), "spill")
        g.box((x0 - 0.25, y0 - 1.0, -1.5), (x1 + 0.25, y0 - 0.22, -1.15), m.get("gravel"), 0.01)
        g.box(
            (x0 - 0.25, y0 - 1.2, -4.0),
            (x1 + 0.25, y0 - 1.0, -0.95),
            m.get("travertine", 1.2, 0.6, 0.45, 0.62, 0.555, 0.46, "wall"),
            0.01,
        )
