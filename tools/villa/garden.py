"""The land: cliff and hills, sea, lawn, drive, trees, palms, shrubs, grasses, potted plants.

Belongs here: terrain and everything that grows, indoors too (`ficus`, `palm_pot`), made leaf by leaf
and repeated as instances with shared meshes.
Does not belong here: the house, furniture, the sky.
"""

import math
import random

import materials as m
import mesh as g
import numpy as np
from mathutils import Euler, Matrix

SEA_Z = -21.0


def _noise_grid(x, y, scale, octaves=4, seed=0):
    """Cheap smooth noise in about -1..1 on arrays."""
    out, amp, tot = np.zeros_like(x, float), 1.0, 0.0
    rng = np.random.default_rng(seed)
    for o in range(octaves):
        f = 2.0**o / scale
        acc = np.zeros_like(out)
        for _ in range(5):
            a = rng.uniform(0, 2 * math.pi)
            acc += np.sin(
                (x * math.cos(a) + y * math.sin(a)) * f * 2 * math.pi * rng.uniform(0.6, 1.4) + rng.uniform(0, 6.28)
            )
        out += amp * acc / 5 * 1.6
        tot += amp
        amp *= 0.5
    return out / tot


def height(x, y):
    """Ground height in metres at plan positions (arrays)."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    n = _noise_grid(x, y, 46, 4, 1)
    n2 = _noise_grid(x, y, 11, 3, 2)
    spread = np.maximum(0, y - 16)
    west = -14.5 - 0.55 * spread - 5 * np.maximum(0, n) * np.clip((y + 12) / 20, 0, 1)
    east = 31.0 + 0.75 * spread + 6 * n * np.clip((y + 12) / 20, 0, 1)
    d = np.hypot(np.maximum(0, np.maximum(west - x, x - east)), np.maximum(0, -11.2 - y))
    drop = 0.42 * d + 0.55 * np.maximum(0, d - 7) + (n2 * 1.5 + n * 2.0) * np.clip(d / 9, 0, 1)
    out = np.maximum(-0.10 - drop, -27)
    inland = np.maximum(0, y - 25)
    hill = (
        0.10 * inland + 26 * (1 - np.exp(-((inland / 120) ** 2))) * (1 + 0.45 * n) + n2 * np.clip(inland / 25, 0, 1.4)
    )
    out = out + np.where(d > 0.5, hill * np.clip(1 - d / 55, 0.0, 1), hill)
    dug = (x > -7.4) & (x < 20.2) & (y > -10.4) & (y < 7.0)  # house and pool are built into the ground
    return np.where(dug, -4.2, out)


def _leaf_arrays(rng, at, out, length, width, droop=0.3, spread=0.9):
    """Folded four-cornered leaves starting at points `at`, pointing about `out` (both (n,3))."""
    n = len(at)
    d = out + rng.normal(0, spread, (n, 3))
    d[:, 2] -= droop * rng.uniform(0, 1, n)
    d /= np.linalg.norm(d, axis=1, keepdims=True) + 1e-9
    s = np.cross(d, rng.normal(0, 1, (n, 3)))
    s /= np.linalg.norm(s, axis=1, keepdims=True) + 1e-9
    up = np.cross(s, d)
    ln = (length * rng.uniform(0.65, 1.25, n))[:, None]
    wd = (width * rng.uniform(0.7, 1.2, n))[:, None]
    mid = at + d * ln * 0.45
    v = np.stack(
        [at, mid + s * wd / 2 + up * wd * 0.22, at + d * ln - up * ln * 0.12, mid - s * wd / 2 + up * wd * 0.22], 1
    )
    base = np.arange(n)[:, None] * 4
    f = np.concatenate([base + [0, 1, 2], base + [0, 2, 3]], 1).reshape(-1, 3)
    return v.reshape(-1, 3), f


def _plant(name, wood_parts, leaf_v, leaf_f, mats, leaf_mat_index=1):
    """Join tubes (quads) and leaves (triangles) into one mesh."""
    wv = [p[0] for p in wood_parts]
    wq, base = [], 0
    for v, q in wood_parts:
        wq.append(q + base)
        base += len(v)
    verts = np.concatenate(wv + [leaf_v]) if wv else leaf_v
    quads = np.concatenate(wq) if wq else np.zeros((0, 4), int)
    mi = np.concatenate([np.zeros(len(quads), int), np.full(len(leaf_f), leaf_mat_index)])
    return g.quads_data(name, verts, quads, mats, mi, True, leaf_f + base)


def tree_mesh(
    name,
    seed,
    tall,
    crown,
    leaf,
    leaves,
    bark=("bark",),
    leaf_mat=("leaf",),
    trunk=0.14,
    levels=4,
    flat=0.8,
    clear=0.35,
    lean=0.15,
):
    """A broad-leaved tree: `tall` metres, crown radius, leaf (length, width), number of leaves."""
    rng = np.random.default_rng(seed)
    parts, tips = [], []

    def grow(p, d, length, r, level):
        n = 6
        pts, rr = [p], [r]
        for k in range(n - 1):
            d = d + rng.normal(0, 0.16, 3) + np.array([0, 0, 0.05])
            d /= np.linalg.norm(d)
            p = p + d * length / (n - 1)
            pts.append(p)
            rr.append(r * (1 - 0.45 * (k + 1) / (n - 1)))
        if level <= 3:
            parts.append(g.tube_arrays(pts, rr, 9 if level == 0 else 5))
        if level >= levels - 1:
            tips.extend([(q, d) for q in pts[1:]])
        if level < levels:
            for k in range(3 if level else 4):
                a = rng.uniform(0, 6.28)
                out = np.array([math.cos(a), math.sin(a), rng.uniform(0.1, 0.9) * flat])
                nd = d * 0.55 + out * 0.8
                grow(
                    pts[rng.integers(3, n)] if k else p,
                    nd / np.linalg.norm(nd),
                    length * rng.uniform(0.58, 0.8),
                    rr[-1] * 0.72,
                    level + 1,
                )

    d0 = np.array([rng.normal(0, lean), rng.normal(0, lean), 1.0])
    grow(np.zeros(3), d0 / np.linalg.norm(d0), tall * clear, trunk, 0)
    pts = np.array([t[0] for t in tips])
    dirs = np.array([t[1] for t in tips])
    pick = rng.integers(0, len(pts), leaves)
    at = pts[pick] + rng.normal(0, 0.10 * crown / 2, (leaves, 3))
    lv, lf = _leaf_arrays(rng, at, dirs[pick] * 0.6 + np.array([0, 0, 0.2]), *leaf)
    me = _plant(name, parts, lv, lf, [m.get(*bark), m.get(*leaf_mat)])
    zmax = lv[:, 2].max()
    rmax = np.percentile(np.hypot(lv[:, 0], lv[:, 1]), 97)
    me.transform(Matrix.Diagonal((crown / rmax, crown / rmax, tall / zmax, 1)))
    return me


def shrub_mesh(name, seed, r, tall, leaf, leaves, leaf_mat, rough=0.25):
    """A rounded shrub: leaves in a shell, denser outside, lumpy."""
    rng = np.random.default_rng(seed)
    d = rng.normal(0, 1, (leaves, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    d[:, 2] = np.abs(d[:, 2]) * 1.0 - 0.15
    lump = 1 + rough * _noise_grid(d[:, 0] * 10 + d[:, 2] * 7, d[:, 1] * 10 + d[:, 2] * 5, 9, 3, seed)
    rad = rng.uniform(0.25, 1, leaves) ** 0.33 * lump
    at = d * rad[:, None] * np.array([r, r, tall * 0.87]) + np.array([0, 0, tall * 0.15])
    at[:, 2] = np.maximum(at[:, 2], 0.02)
    lv, lf = _leaf_arrays(rng, at, d * 0.9 + np.array([0, 0, 0.25]), *leaf, droop=0.2, spread=0.6)
    return _plant(name, [], lv, lf, [m.get(*leaf_mat)], 0)


def blades_mesh(name, seed, n, r, tall, width, leaf_mat, lean=0.5, tip=None):
    """A tuft of grass: `n` bent blades within radius r."""
    rng = np.random.default_rng(seed)
    a, rad = rng.uniform(0, 6.28, n), r * np.sqrt(rng.uniform(0, 1, n))
    root = np.stack([np.cos(a) * rad, np.sin(a) * rad, np.zeros(n)], 1)
    ang = a + rng.normal(0, 0.7, n)
    out = np.stack([np.cos(ang), np.sin(ang), np.zeros(n)], 1)
    h = (tall * rng.uniform(0.55, 1.1, n))[:, None]
    ln = lean * rng.uniform(0.2, 1.2, n)[:, None] * h
    side = np.stack([-np.sin(ang), np.cos(ang), np.zeros(n)], 1) * width / 2
    up = np.array([0, 0, 1.0])
    k1 = root + out * ln * 0.15 + up * h * 0.45
    k2 = root + out * ln * 0.5 + up * h * 0.8
    k3 = root + out * ln * 1.0 + up * h * (1.0 - 0.25 * lean)
    v = np.stack([root - side, root + side, k1 - side, k1 + side, k2 - side * 0.7, k2 + side * 0.7, k3], 1).reshape(
        -1, 3
    )
    b = np.arange(n)[:, None] * 7
    q = np.concatenate([b + [0, 1, 3, 2], b + [2, 3, 5, 4]], 1).reshape(-1, 4)
    t = b + [4, 5, 6]
    mats = [m.get(*leaf_mat)]
    mi = np.zeros(len(q) + len(t), int)
    if tip:
        mats.append(m.get(*tip))
        mi[len(q) :] = 1
    return g.quads_data(name, v, q, mats, mi, True, t)


def agave_mesh(name, seed, r, leaf_mat=("leaf", 0.13, 0.19, 0.14, 0.5, 0.25), n=34):
    """A rosette of thick pointed leaves."""
    rng = np.random.default_rng(seed)
    V, Q = [], []
    for k in range(n):
        a = k * 2.39996 + rng.normal(0, 0.05)
        rise = 0.15 + 1.15 * (k / n)  # outer leaves lie, inner ones stand
        ln = r * (1.05 - 0.35 * k / n)
        w = r * 0.17

        def fn(u, v, a=a, rise=rise, ln=ln, w=w):
            s = u - 0.5
            half = w * (1 - v) ** 0.6 * (0.55 + 1.2 * v * (1 - v) * 2)
            rad = ln * v * math.cos(rise * (1 - 0.25 * v))
            z = ln * v * math.sin(rise) * (1 - 0.22 * v) + abs(s) ** 2 * 4 * half * 0.8 + 0.02
            return (math.cos(a) * rad - math.sin(a) * s * 2 * half, math.sin(a) * rad + math.cos(a) * s * 2 * half, z)

        v, q = g.sheet_arrays(fn, 5, 9)
        Q.append(q + sum(map(len, V)))
        V.append(v)
    me = g.quads_data(name, np.concatenate(V), np.concatenate(Q), [m.get(*leaf_mat)])
    return me


def palm_mesh(
    name, seed, tall, frond=2.3, fronds=24, leaf_mat=("leaf", 0.075, 0.13, 0.035, 0.4, 0.4), trunk=0.15, leaflets=46
):
    """A feather palm with a slightly leaning, ringed trunk; `tall` 0 gives a potted one without a trunk."""
    rng = np.random.default_rng(seed)
    parts, V, F = [], [], []
    top = np.zeros(3)
    if tall:
        lean = rng.normal(0, 0.10, 2) * tall
        n = int(tall * 9)
        t = np.linspace(0, 1, n)
        pts = np.stack([lean[0] * t**1.6, lean[1] * t**1.6, tall * t], 1)
        rad = trunk * (1.25 - 0.45 * t**0.4) * (1 + 0.07 * (np.arange(n) % 2))
        parts.append(g.tube_arrays(pts, rad, 10))
        top = pts[-1]
    off = 0
    for k in range(fronds):
        a = k * 2.39996 + rng.normal(0, 0.2)
        elev = 1.35 - 1.75 * (k / fronds) + rng.normal(0, 0.1)
        ln = frond * rng.uniform(0.85, 1.1)
        d = np.array([math.cos(a), math.sin(a), 0])
        t = np.linspace(0, 1, leaflets // 2 + 2)
        sag = (0.42 + 0.3 * k / fronds) * ln
        spine = (
            top
            + np.outer(t * ln * math.cos(elev) + 0.04, d)
            + np.outer(t * ln * math.sin(elev) - sag * t**2.2, [0, 0, 1])
        )
        parts.append(g.tube_arrays(spine, 0.016 * frond / 2.3 * (1.1 - t), 4))
        tan = np.gradient(spine, axis=0)
        tan /= np.linalg.norm(tan, axis=1, keepdims=True)
        side = np.cross(tan, [0, 0, 1.0])
        side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-6
        nrm = np.cross(side, tan)
        for sgn in (-1, 1):
            for i in range(2, len(t)):
                L = frond * 0.26 * math.sin(math.pi * min(1, 0.12 + 0.86 * t[i])) ** 0.7 * rng.uniform(0.85, 1.1)
                dirv = side[i] * sgn * 0.82 + tan[i] * 0.55 + nrm[i] * rng.normal(0.12, 0.08)
                dirv /= np.linalg.norm(dirv)
                w = nrm[i] * 0.25 * 0 + tan[i] * frond * 0.011
                p0 = spine[i]
                p1 = p0 + dirv * L * 0.5 - np.array([0, 0, 0.03 * L])
                p2 = p0 + dirv * L - np.array([0, 0, 0.30 * L])
                V += [p0 - w * 0.5, p0 + w * 0.5, p1 + w, p1 - w, p2]
                F += [(off, off + 1, off + 2), (off, off + 2, off + 3), (off + 3, off + 2, off + 4)]
                off += 5
    return _plant(name, parts, np.array(V), np.array(F), [m.get("bark", 0.20, 0.16, 0.12), m.get(*leaf_mat)])


def big_leaf_mesh(name, seed, tall, leaves, size, leaf_mat=("leaf", 0.045, 0.115, 0.03, 0.28, 0.4), stems=3):
    """An indoor plant with broad, curved leaves on thin stems (fiddle-leaf fig)."""
    rng = np.random.default_rng(seed)
    parts, V, Q, off = [], [], [], 0
    for s in range(stems):
        a = rng.uniform(0, 6.28)
        h = tall * rng.uniform(0.75, 1)
        e = np.array([math.cos(a), math.sin(a), 0]) * rng.uniform(0.08, 0.28)
        path = g.arc((0, 0, 0), e * 0.3 + np.array([0, 0, h * 0.6]), e + np.array([0, 0, h]), 14)
        parts.append(g.tube_arrays(path, np.linspace(0.016, 0.006, 14), 6))
        for k in range(leaves // stems):
            t = 0.28 + 0.72 * k / (leaves // stems)
            p = path[min(13, int(t * 13))]
            b = k * 2.4 + rng.normal(0, 0.3) + s
            d = np.array([math.cos(b), math.sin(b), 0])
            el = rng.uniform(0.15, 0.9)
            ln, w = size * rng.uniform(0.7, 1.15), size * rng.uniform(0.5, 0.62)
            sd = np.array([-d[1], d[0], 0])

            def fn(u, v, p=p, d=d, sd=sd, el=el, ln=ln, w=w):
                s_ = u * 2 - 1
                half = w / 2 * math.sin(math.pi * min(1, 0.06 + 0.94 * v)) ** 0.55 * (0.75 + 0.35 * v)
                r = ln * (v + 0.12)
                z = (
                    r * math.sin(el)
                    - 0.55 * ln * v * v * math.cos(el)
                    + 0.16 * half * abs(s_)
                    + 0.012 * math.sin(v * 22) * abs(s_) * size / 0.3
                )
                q = p + d * r * math.cos(el) + sd * s_ * half + np.array([0, 0, z])
                return q

            v, q = g.sheet_arrays(fn, 5, 8)
            V.append(v)
            Q.append(q + off)
            off += len(v)
    base = sum(len(p[0]) for p in parts)
    wq, b0 = [], 0
    for v, q in parts:
        wq.append(q + b0)
        b0 += len(v)
    verts = np.concatenate([p[0] for p in parts] + V)
    quads = np.concatenate(wq + [q + base for q in Q])
    mi = np.concatenate([np.zeros(sum(map(len, wq)), int), np.ones(sum(map(len, Q)), int)])
    return g.quads_data(name, verts, quads, [m.get("bark"), m.get(*leaf_mat)], mi)


_KINDS = {}


def kind(name):
    """A shared plant mesh by name, made when first asked for."""
    if name not in _KINDS:
        olive = ("leaf", 0.125, 0.155, 0.085, 0.5, 0.4)
        green = ("leaf", 0.060, 0.105, 0.026, 0.45, 0.5)
        dark = ("leaf", 0.035, 0.075, 0.022, 0.4, 0.5)
        _KINDS[name] = {
            "olive-a": lambda: tree_mesh(
                name, 11, 4.6, 2.3, (0.10, 0.028), 26000, ("bark", 0.16, 0.14, 0.12), olive, 0.20, lean=0.2
            ),
            "olive-b": lambda: tree_mesh(
                name, 12, 3.9, 2.0, (0.10, 0.028), 20000, ("bark", 0.16, 0.14, 0.12), olive, 0.17, lean=0.25
            ),
            "olive-pot": lambda: tree_mesh(
                name, 13, 1.75, 0.62, (0.065, 0.016), 5200, ("bark", 0.16, 0.14, 0.12), olive, 0.045, clear=0.42
            ),
            "oak": lambda: tree_mesh(name, 21, 7.5, 4.2, (0.17, 0.10), 24000, ("bark",), green, 0.28),
            "oak2": lambda: tree_mesh(name, 22, 6.2, 3.6, (0.17, 0.10), 20000, ("bark",), dark, 0.25),
            "pine": lambda: tree_mesh(
                name,
                23,
                9.5,
                4.0,
                (0.26, 0.045),
                26000,
                ("bark", 0.20, 0.12, 0.08),
                ("leaf", 0.035, 0.075, 0.022, 0.5, 0.4),
                0.26,
                levels=4,
                flat=0.3,
                clear=0.62,
            ),
            "ball": lambda: shrub_mesh(name, 31, 0.55, 0.85, (0.065, 0.030), 5200, green, 0.10),
            "shrub": lambda: shrub_mesh(name, 32, 0.9, 1.1, (0.10, 0.045), 4800, dark, 0.35),
            "scrub": lambda: shrub_mesh(
                name, 33, 1.3, 1.15, (0.16, 0.065), 2600, ("leaf", 0.095, 0.105, 0.045, 0.6, 0.5), 0.4
            ),
            "scrub2": lambda: shrub_mesh(
                name, 34, 1.7, 1.7, (0.20, 0.085), 3000, ("leaf", 0.05, 0.08, 0.03, 0.55, 0.5), 0.4
            ),
            "bougain": lambda: shrub_mesh(
                name, 35, 0.95, 1.25, (0.06, 0.045), 4200, ("leaf", 0.40, 0.035, 0.14, 0.6, 0.4), 0.45
            ),
            "lavender": lambda: blades_mesh(
                name,
                41,
                240,
                0.26,
                0.55,
                0.007,
                ("leaf", 0.12, 0.15, 0.10, 0.6, 0.3),
                0.45,
                ("leaf", 0.20, 0.13, 0.42, 0.7, 0.3),
            ),
            "grass": lambda: blades_mesh(name, 42, 260, 0.20, 0.85, 0.009, ("leaf", 0.20, 0.20, 0.085, 0.6, 0.4), 0.75),
            "grass2": lambda: blades_mesh(name, 43, 200, 0.16, 0.6, 0.009, ("leaf", 0.10, 0.15, 0.05, 0.55, 0.4), 0.8),
            "turf": lambda: blades_mesh(
                name, 44, 4200, 0.75, 0.062, 0.0075, ("leaf", 0.055, 0.115, 0.022, 0.55, 0.5), 0.7
            ),
            "agave": lambda: agave_mesh(name, 51, 0.62),
            "aloe": lambda: agave_mesh(name, 52, 0.34, ("leaf", 0.09, 0.17, 0.07, 0.4, 0.3), 22),
            "palm-a": lambda: palm_mesh(name, 61, 6.2),
            "palm-b": lambda: palm_mesh(name, 62, 4.8),
            "palm-pot": lambda: palm_mesh(name, 63, 0, 1.25, 15, leaflets=40),
            "ficus": lambda: big_leaf_mesh(name, 71, 1.45, 54, 0.29),
            "monstera": lambda: big_leaf_mesh(name, 72, 0.7, 26, 0.34, ("leaf", 0.035, 0.10, 0.03, 0.3, 0.4), 5),
            "herb": lambda: shrub_mesh(
                name, 73, 0.13, 0.20, (0.035, 0.02), 420, ("leaf", 0.07, 0.15, 0.03, 0.5, 0.4), 0.3
            ),
            "trail": lambda: big_leaf_mesh(name, 74, 0.34, 30, 0.12, ("leaf", 0.06, 0.14, 0.04, 0.35, 0.4), 6),
            "orchid-leaves": lambda: agave_mesh(name, 75, 0.20, ("leaf", 0.04, 0.10, 0.03, 0.3, 0.2), 6),
        }[name]()
    return _KINDS[name]


def put(name, x, y, z=0.0, turn=None, scale=1.0, rng=None):
    """One plant of a kind at a place (through the placement in force)."""
    turn = turn if turn is not None else (hash((round(x * 7), round(y * 13))) % 360)
    loc = (
        Matrix.Translation((x, y, z)) @ Euler((0, 0, math.radians(turn))).to_matrix().to_4x4() @ Matrix.Scale(scale, 4)
    )
    return g.add(kind(name), name, loc)


def pot(plant, x, y, z=0.0, r=0.24, h=0.42, mat=None, scale=1.0, style=0):
    """A planter with soil and a plant of a kind in it."""
    mat = mat or m.get("concrete", 0.52, 0.50, 0.47)
    prof = [(0.001, 0), (r * 0.72, 0), (r * 0.76, 0.012), (r, h - 0.02), (r, h), (r - 0.022, h), (r - 0.03, h - 0.05)]
    if style == 1:
        prof = [
            (0.001, 0),
            (r * 0.6, 0),
            (r * 0.85, h * 0.18),
            (r, h * 0.5),
            (r * 0.9, h * 0.85),
            (r * 0.78, h),
            (r * 0.72, h),
            (r * 0.74, h * 0.9),
        ]
    g.lathe(prof, mat, 40, x, y)
    rim = prof[-1]
    g.lathe([(0.001, rim[1]), (rim[0] + 0.01, rim[1] - 0.005)], m.get("soil"), 24, x, y)
    put(plant, x, y, z + rim[1] - 0.02, scale=scale)


def build():
    """Terrain, sea, far hills, lawn, drive, and the planting."""
    rng = random.Random(77)
    with g.collected("land"):

        def patch(x0, x1, y0, y1, step, name, sink=0.0):
            xs, ys = np.arange(x0, x1 + step, step), np.arange(y0, y1 + step, step)
            X, Y = np.meshgrid(xs, ys)
            Z = height(X, Y) - sink
            V = np.stack([X, Y, Z], -1).reshape(-1, 3)
            i, j = np.meshgrid(np.arange(len(xs) - 1), np.arange(len(ys) - 1))
            a = (j * len(xs) + i).ravel()
            g.add(g.quads_data(name, V, np.stack([a, a + 1, a + 1 + len(xs), a + len(xs)], -1), m.get("earth")), name)

        patch(-70, 90, -60, 100, 0.8, "cliff")
        patch(-420, 440, 88, 620, 6, "hills", 1.3)
        patch(-420, -60, -60, 100, 4, "west", 1.0)
        patch(80, 440, -60, 100, 4, "east", 1.0)
        # headlands and islands far out, pale with distance
        for k, (cx, cy, w, d, h) in enumerate(
            (
                (-1500, 500, 900, 420, 150),
                (-2600, -300, 700, 300, 95),
                (1700, 700, 1000, 420, 170),
                (2900, -500, 900, 300, 110),
                (-3900, -1600, 900, 260, 120),
            )
        ):
            X, Y = np.meshgrid(np.linspace(-1, 1, 70), np.linspace(-1, 1, 30))
            fall = np.clip(1 - np.hypot(X, Y) ** 2, 0, 1)
            Z = fall * h * (0.62 + 0.5 * _noise_grid(X * 10, Y * 10, 8, 4, 90 + k)) - 25
            V = np.stack([X * w + cx, Y * d + cy, Z], -1).reshape(-1, 3)
            i, j = np.meshgrid(np.arange(69), np.arange(29))
            a = (j * 70 + i).ravel()
            g.add(g.quads_data("headland", V, np.stack([a, a + 1, a + 71, a + 70], -1), m.get("earth")), "headland")
        S = 14000
        g.add(
            g.mesh_data(
                "sea", [(-S, -S, SEA_Z), (S, -S, SEA_Z), (S, S, SEA_Z), (-S, S, SEA_Z)], [(0, 1, 2, 3)], m.get("sea")
            ),
            "sea",
        )
        lawn = m.get("lawn")
        g.box((20.8, -9.4, -0.3), (30.4, 9.0, -0.055), lawn, 0, name="lawn-east")
        g.box((-13.5, -9.2, -0.3), (-8.2, 22, -0.055), lawn, 0, name="lawn-west")
        g.box((-13.5, 22, -0.3), (30.4, 26, -0.055), lawn, 0, name="lawn-north")
        g.box((19.9, 9.0, -0.3), (30.4, 22, -0.055), lawn, 0)
        g.box((-8.2, 8.1, -0.3), (13.2, 22, -0.06), m.get("gravel", 0.38, 0.345, 0.29), 0, name="court")
        g.box((13.2, 14.2, -0.3), (19.9, 22, -0.06), m.get("gravel", 0.38, 0.345, 0.29), 0, name="court2")
        g.box((-7.8, 10.0, -0.1), (-3.0, 10.25, -0.03), m.get("travertine"), 0.01)
        for y in (10.7, 11.8, 12.9, 14.0, 15.1):  # stepping slabs to the door
            g.box((-5.5, y, -0.1), (-3.3, y + 0.85, -0.025), m.get("travertine", 2.4, 1.0), 0.012)
        # stone walls along the court
        g.box((-8.5, 21.6, -0.2), (-1.0, 22.0, 1.1), m.get("plaster"), 0.01)
        g.box((5.0, 21.6, -0.2), (20.0, 22.0, 1.1), m.get("plaster"), 0.01)
    with g.collected("plants"):
        # trees
        put("olive-a", 2.2, 15.2, -0.06)
        put("olive-b", -7.0, 12.8, -0.06)
        put("olive-a", 24.6, 4.6, -0.06, 80, 0.95)
        put("olive-b", 27.5, -4.0, -0.06, 20, 1.05)
        put("palm-a", 22.6, -7.4, -0.06)
        put("palm-b", 24.1, -6.3, -0.06)
        put("palm-a", -10.4, -4.6, -0.06, 140, 0.92)
        put("palm-b", -11.6, -2.9, -0.06, 30, 1.1)
        put("palm-b", -10.0, 9.5, -0.06, 33, 1.2)
        for x, y, k, s in (
            (-11.5, 14.5, "oak2", 0.9),
            (-12, 21, "oak", 1.0),
            (-4, 26.5, "pine", 1.0),
            (3.5, 25.0, "oak", 0.95),
            (9, 27.5, "pine", 1.1),
            (15.5, 25.0, "oak2", 1.05),
            (22, 27, "oak", 1.1),
            (27.5, 22, "pine", 0.95),
            (27.8, 14.5, "oak2", 1.0),
            (23.4, 18.4, "oak", 0.85),
            (31, 29, "pine", 1.1),
            (-17, 28, "pine", 1.05),
            (38, 40, "oak", 1.2),
        ):
            put(k, x, y, float(height(x, y)) - 0.1, None, s)
        for _ in range(640):  # woodland on the slopes behind
            x, y = rng.uniform(-150, 180), rng.uniform(29, 230)
            z = float(height(x, y))
            if z > -8:
                put(
                    rng.choice(["oak", "oak2", "pine", "oak2"]),
                    x,
                    y,
                    z - 0.3,
                    rng.uniform(0, 360),
                    rng.uniform(0.6, 1.15),
                )
        for _ in range(1500):  # scrub on the cliff and hills
            x, y = (
                (rng.uniform(-60, 80), rng.uniform(-48, 60))
                if rng.random() < 0.72
                else (rng.uniform(-170, 200), rng.uniform(25, 240))
            )
            if -14.0 < x < 31.0 and -12.2 < y < 27:
                continue
            z = float(height(x, y))
            if z < SEA_Z + 1.5:
                continue
            put(
                rng.choice(["scrub", "scrub2", "scrub", "grass"]),
                x,
                y,
                z - 0.12,
                rng.uniform(0, 360),
                rng.uniform(0.45, 1.25),
            )
        for _ in range(1500):  # the slope below the terrace: dry grass, low bushes
            x, y = rng.uniform(-24, 44), -11.6 - 26 * rng.random() ** 1.4
            z = float(height(x, y))
            if z < SEA_Z + 1:
                continue
            k = rng.choice(["grass", "grass", "grass", "scrub", "scrub2", "scrub", "lavender", "agave"])
            put(
                k,
                x,
                y,
                z - 0.08,
                rng.uniform(0, 360),
                rng.uniform(0.35, 0.75) if k.startswith("scrub") else rng.uniform(0.6, 1.1),
            )

        # borders
        def row(k, x0, y0, x1, y1, n, s=(0.8, 1.15), jitter=0.12, z=-0.06):
            for i in range(n):
                t = i / max(1, n - 1)
                put(
                    k,
                    x0 + (x1 - x0) * t + rng.uniform(-jitter, jitter),
                    y0 + (y1 - y0) * t + rng.uniform(-jitter, jitter),
                    z,
                    rng.uniform(0, 360),
                    rng.uniform(*s),
                )

        row("shrub", 30.2, -9.0, 30.2, 22, 30, (1.0, 1.35))
        row("bougain", 29.6, -2, 29.6, 14, 7, (0.9, 1.2), 0.4)
        row("shrub", -13.6, -9, -13.6, 8, 18, (0.38, 0.55))
        row("shrub", -13.6, 9, -13.6, 22, 14, (0.8, 1.1))
        row("lavender", -12.7, -9, -12.7, 8, 34, (0.8, 1.3), 0.25)
        row("grass", -8.9, -8.2, -8.9, 7.6, 20, (0.7, 1.1), 0.15)
        row("agave", -9.9, -7.6, -9.9, 6.4, 6, (0.7, 1.0), 0.3)
        row("ball", -8.7, 8.9, -8.7, 20, 12, (0.9, 1.2), 0.1)
        row("lavender", -2.6, 8.45, 9.5, 8.45, 26, (0.7, 1.1), 0.15)
        row("ball", -1.6, 8.95, 9.0, 8.95, 9, (0.5, 0.8), 0.25)
        row("grass", 20.2, 9.3, 20.2, 14, 9, (0.7, 1.0), 0.15)
        row("lavender", 20.9, -4.0, 20.9, 7.5, 22, (0.7, 1.0), 0.10)
        row("grass", 21.5, -9.0, 29.5, -9.0, 22, (0.7, 1.1), 0.2)
        row("agave", 22.6, -8.5, 29, -8.4, 5, (0.7, 1.0), 0.3)
        row("scrub", -13, -10.6, 31, -10.9, 40, (0.35, 0.6), 0.5, -0.75)
        row("bougain", -7.8, 9.6, -7.2, 10.6, 3, (0.9, 1.2), 0.1)
        row("oak2", 30, 26, -14, 26, 7, (0.5, 0.7), 1.0)
        for x in (9.8, 12.2):
            put("shrub", x, 8.6, -0.06, None, 0.8)
        row("ball", 13.2, 15.0, 19.6, 15.0, 7, (0.8, 1.0), 0.1)
        for x, y in ((4.6, 13.2), (5.4, 17.0), (0.6, 17.6), (1.0, 13.4)):
            put("grass", x, y, -0.06, None, 0.9)
        row("lavender", 0.9, 14.2, 3.6, 16.2, 9, (0.7, 1), 0.8)
    with g.collected("turf"):
        for i in range(7):
            for j in range(14):
                x, y = 21.4 + i * 1.28, -8.9 + j * 1.28
                put(
                    "turf",
                    x + rng.uniform(-0.2, 0.2),
                    y + rng.uniform(-0.2, 0.2),
                    -0.056,
                    rng.uniform(0, 360),
                    rng.uniform(1.0, 1.15),
                )
