"""Shapes: boxes with softened edges, turned profiles, swept tubes, cloth-like sheets, upholstery.

Belongs here: functions that turn metres into mesh objects, and the placement stack
(`placed`) that lets furniture be modelled around its own origin.
Does not belong here: anything that knows what a sofa or a room is, materials, light.

Units are metres and degrees. Every function returns the new object. Object coordinates
stay in metres, because the procedural materials read them.
"""

import math
import random
from contextlib import contextmanager

import bmesh
import bpy
import numpy as np
from mathutils import Matrix, Vector, noise

_STACK = [Matrix.Identity(4)]
_COLLECTION = [None]


@contextmanager
def placed(x=0.0, y=0.0, z=0.0, turn_deg=0.0, scale=1.0, tilt_deg=0.0):
    """Model around an own origin; `turn_deg` is counter-clockwise seen from above."""
    here = (
        Matrix.Translation((x, y, z))
        @ Matrix.Rotation(math.radians(turn_deg), 4, "Z")
        @ Matrix.Rotation(math.radians(tilt_deg), 4, "X")
        @ Matrix.Scale(scale, 4)
    )
    _STACK.append(_STACK[-1] @ here)
    try:
        yield
    finally:
        _STACK.pop()


@contextmanager
def collected(name):
    """Put every object made inside into the collection of that name."""
    coll = bpy.data.collections.get(name)
    if coll is None:
        coll = bpy.data.collections.new(name)
        bpy.context.scene.collection.children.link(coll)
    _COLLECTION.append(coll)
    try:
        yield coll
    finally:
        _COLLECTION.pop()


def matrix():
    """The placement in force."""
    return _STACK[-1].copy()


def add(data, name="o", local=None):
    """Link an object for mesh, light or empty data at the placement in force."""
    obj = bpy.data.objects.new(name, data)
    coll = _COLLECTION[-1] or bpy.context.scene.collection
    coll.objects.link(obj)
    obj.matrix_world = _STACK[-1] @ local if local is not None else _STACK[-1].copy()
    return obj


def mesh_data(name, verts, faces, mats, smooth=False, face_mats=None):
    """A mesh from arrays; `mats` is one material or a list, `face_mats` an index per face."""
    me = bpy.data.meshes.new(name)
    me.from_pydata([tuple(map(float, v)) for v in verts], [], [tuple(map(int, f)) for f in faces])
    for m in mats if isinstance(mats, (list, tuple)) else [mats]:
        me.materials.append(m)
    if face_mats is not None:
        me.polygons.foreach_set("material_index", np.asarray(face_mats, dtype=np.int32))
    if smooth:
        me.polygons.foreach_set("use_smooth", np.ones(len(me.polygons), dtype=bool))
    me.update()
    return me


def quads_data(name, verts, quads, mats, face_mats=None, smooth=True, tris=None):
    """A large mesh from numpy arrays, fast: verts (n,3), quads (m,4), optional tris (k,3) after them."""
    verts = np.asarray(verts, dtype=np.float32)
    quads = np.asarray(quads, dtype=np.int32).reshape(-1, 4)
    tris = np.zeros((0, 3), np.int32) if tris is None else np.asarray(tris, np.int32).reshape(-1, 3)
    me = bpy.data.meshes.new(name)
    me.vertices.add(len(verts))
    me.vertices.foreach_set("co", verts.ravel())
    loops = np.concatenate([quads.ravel(), tris.ravel()])
    me.loops.add(len(loops))
    me.loops.foreach_set("vertex_index", loops)
    starts = np.concatenate([np.arange(len(quads)) * 4, len(quads) * 4 + np.arange(len(tris)) * 3])
    me.polygons.add(len(starts))
    me.polygons.foreach_set("loop_start", starts.astype(np.int32))
    for m in mats if isinstance(mats, (list, tuple)) else [mats]:
        me.materials.append(m)
    if face_mats is not None:
        me.polygons.foreach_set("material_index", np.asarray(face_mats, np.int32))
    if smooth:
        me.polygons.foreach_set("use_smooth", np.ones(len(starts), dtype=bool))
    me.update(calc_edges=True)
    me.validate()
    return me


def box(lo, hi, mat, bevel=0.004, seg=2, name="box"):
    """An axis-aligned box from corner to corner, edges softened by `bevel`."""
    bm = bmesh.new()
    bmesh.ops.create_cube(bm, size=1.0)
    lo, hi = Vector(lo), Vector(hi)
    size, mid = hi - lo, (hi + lo) / 2
    for v in bm.verts:
        v.co = Vector((v.co.x * size.x, v.co.y * size.y, v.co.z * size.z)) + mid
    bevel = min(bevel, min(size) * 0.45)
    if bevel > 0:
        bmesh.ops.bevel(bm, geom=bm.edges[:], offset=bevel, segments=seg, profile=0.5, affect="EDGES")
    me = bpy.data.meshes.new(name)
    bm.to_mesh(me)
    bm.free()
    me.materials.append(mat)
    return add(me, name)


def cbox(cx, cy, z0, sx, sy, sz, mat, bevel=0.004, seg=2, name="box"):
    """A box standing on height z0, given by its centre and its size."""
    return box((cx - sx / 2, cy - sy / 2, z0), (cx + sx / 2, cy + sy / 2, z0 + sz), mat, bevel, seg, name)


def lathe(profile, mat, seg=40, x=0.0, y=0.0, name="turned"):
    """Turn a profile [(radius, height), ...] around the vertical at (x, y)."""
    prof = np.asarray(profile, float)
    ang = np.linspace(0, 2 * math.pi, seg, endpoint=False)
    verts = np.stack(
        [np.outer(prof[:, 0], np.cos(ang)) + x, np.outer(prof[:, 0], np.sin(ang)) + y, np.repeat(prof[:, 1:2], seg, 1)],
        -1,
    ).reshape(-1, 3)
    k, s = np.meshgrid(np.arange(len(prof) - 1), np.arange(seg), indexing="ij")
    a, b = k * seg + s, k * seg + (s + 1) % seg
    quads = np.stack([a, b, b + seg, a + seg], -1).reshape(-1, 4)
    me = quads_data(name, verts, quads, mat, smooth=True)
    me.set_sharp_from_angle(angle=math.radians(40))
    return add(me, name)


def cyl(x, y, z0, r, h, mat, seg=32, soft=0.003, name="cylinder"):
    """An upright cylinder with softened rims."""
    soft = min(soft, r * 0.4, h * 0.4)
    return lathe(
        [(0.0001, z0), (r - soft, z0), (r, z0 + soft), (r, z0 + h - soft), (r - soft, z0 + h), (0.0001, z0 + h)],
        mat,
        seg,
        x,
        y,
        name,
    )


def tube_arrays(points, radii, seg=8, start=0):
    """Vertices and quads of a tube along points; radii per point. Returns (verts, quads)."""
    pts = np.asarray(points, float)
    radii = np.broadcast_to(np.asarray(radii, float), (len(pts),))
    tang = np.gradient(pts, axis=0)
    tang /= np.linalg.norm(tang, axis=1, keepdims=True) + 1e-9
    up = np.array([0.0, 0.0, 1.0]) if abs(tang[0][2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    n = np.cross(tang[0], up)
    rings = []
    ang = np.linspace(0, 2 * math.pi, seg, endpoint=False)
    for p, t, r in zip(pts, tang, radii):
        n = n - t * np.dot(n, t)
        n /= np.linalg.norm(n) + 1e-9
        b = np.cross(t, n)
        rings.append(p + r * (np.outer(np.cos(ang), n) + np.outer(np.sin(ang), b)))
    verts = np.concatenate(rings)
    k, s = np.meshgrid(np.arange(len(pts) - 1), np.arange(seg), indexing="ij")
    a, b = k * seg + s, k * seg + (s + 1) % seg
    return verts, np.stack([a, b, b + seg, a + seg], -1).reshape(-1, 4) + start


def tube(points, radius, mat, seg=12, caps=True, name="tube"):
    """A round bar along a polyline; `radius` is one number or one per point."""
    verts, quads = tube_arrays(points, radius, seg)
    n = len(points)
    me_faces = [tuple(q) for q in quads]
    if caps:
        me_faces += [tuple(range(seg))[::-1], tuple(range((n - 1) * seg, n * seg))]
    me = mesh_data(name, verts, me_faces, mat, smooth=True)
    me.set_sharp_from_angle(angle=math.radians(50))
    return add(me, name)


def arc(p0, p1, p2, n=12):
    """Points of a quadratic Bezier curve."""
    t = np.linspace(0, 1, n)[:, None]
    p0, p1, p2 = map(np.asarray, (p0, p1, p2))
    return (1 - t) ** 2 * p0 + 2 * t * (1 - t) * p1 + t**2 * p2


def sheet_arrays(fn, nu, nv):
    """Vertices and quads of a surface fn(u, v) -> (x, y, z) with u, v in 0..1."""
    verts = np.array([fn(u, v) for v in np.linspace(0, 1, nv) for u in np.linspace(0, 1, nu)], float)
    i, j = np.meshgrid(np.arange(nu - 1), np.arange(nv - 1))
    a = (j * nu + i).ravel()
    return verts, np.stack([a, a + 1, a + 1 + nu, a + nu], -1)


def sheet(fn, nu, nv, mat, thick=0.0, name="sheet"):
    """A smooth surface; `thick` gives it a second side at that distance."""
    verts, quads = sheet_arrays(fn, nu, nv)
    obj = add(quads_data(name, verts, quads, mat), name)
    if thick:
        m = obj.modifiers.new("thickness", "SOLIDIFY")
        m.thickness, m.offset = thick, 0.0
    return obj


def rnd_noise(x, y, z=0.0, scale=1.0):
    """Smooth noise in about -1..1."""
    return noise.noise(Vector((x * scale, y * scale, z * scale)))


def soft(cx, cy, z0, sx, sy, sz, mat, r=0.06, crown=0.02, seed=0, n=14, wrinkle=0.004, name="upholstery"):
    """Upholstery: a rounded box with crowned faces and slight wrinkles, standing on z0."""
    lin = np.linspace(-1, 1, n)
    verts, quads = [], []
    for axis in range(3):
        for sign in (-1, 1):
            g, h = np.meshgrid(lin, lin)
            face = np.zeros((n, n, 3))
            face[..., axis] = sign
            face[..., (axis + 1) % 3] = g * sign
            face[..., (axis + 2) % 3] = h
            base = len(verts) * n * n
            verts.append(face.reshape(-1, 3))
            i, j = np.meshgrid(np.arange(n - 1), np.arange(n - 1))
            a = (j * n + i).ravel() + base
            quads.append(np.stack([a, a + 1, a + 1 + n, a + n], -1))
    unit = np.concatenate(verts)
    half = np.array([sx, sy, sz]) / 2
    r = min(r, *(half * 0.98))
    # spend more vertices on the edges, where the curvature is
    warped = np.sign(unit) * (1 - (1 - np.abs(unit)) ** 1.6)
    p = warped * half
    inner = np.clip(p, -(half - r), half - r)
    d = p - inner
    length = np.linalg.norm(d, axis=1, keepdims=True)
    p = np.where(length > 1e-9, inner + d / np.maximum(length, 1e-9) * np.minimum(r, np.maximum(length, r * 0.999)), p)
    q = warped
    fall = (1 - q[:, [1, 2, 0]] ** 2) * (1 - q[:, [2, 0, 1]] ** 2)
    for ax in range(3):
        p[:, ax] += np.sign(q[:, ax]) * np.abs(q[:, ax]) ** 4 * fall[:, ax] * crown * (1.0 if ax != 2 else 1.3)
    if wrinkle:
        for k, v in enumerate(p):
            w = rnd_noise(v[0] + seed * 3.1, v[1], v[2], 5.0) + 0.5 * rnd_noise(v[0], v[1] + seed, v[2], 13.0)
            p[k] = v * (1 + wrinkle * w / (np.linalg.norm(v) + 0.05))
    p += np.array([cx, cy, z0 + sz / 2])
    me = quads_data(name, p, np.concatenate(quads), mat)
    bm = bmesh.new()
    bm.from_mesh(me)
    bmesh.ops.remove_doubles(bm, verts=bm.verts, dist=0.0008)
    bm.to_mesh(me)
    bm.free()
    return add(me, name)


def pillow(w, h, t, mat, seed=0, n=22, name="pillow"):
    """A stuffed pillow lying flat around the origin: pinched corners, seams, dents."""
    rng = random.Random(seed)
    ox = rng.uniform(0, 50)

    def side(sign):
        def fn(u, v):
            a, b = u * 2 - 1, v * 2 - 1
            full = max(0.0, (1 - abs(a) ** 3.2)) ** 0.55 * max(0.0, (1 - abs(b) ** 3.2)) ** 0.55
            pinch = 1 - 0.07 * (a * a * (1 - b * b)) - 0.02
            pinchb = 1 - 0.07 * (b * b * (1 - a * a)) - 0.02
            z = t / 2 * full + 0.016 * full * rnd_noise(a * 1.7 + ox, b * 1.7, sign, 1.0) * (t / 0.14)
            z += 0.004 * full * rnd_noise(a * 7 + ox, b * 7, sign, 1.0)
            return a * w / 2 * pinchb, b * h / 2 * pinch, sign * max(z, 0.003)

        return fn

    va, qa = sheet_arrays(side(1), n, n)
    vb, qb = sheet_arrays(side(-1), n, n)
    me = quads_data(name, np.concatenate([va, vb]), np.concatenate([qa, qb[:, ::-1] + len(va)]), mat)
    bm = bmesh.new()
    bm.from_mesh(me)
    bmesh.ops.remove_doubles(bm, verts=bm.verts, dist=0.0065)
    bm.to_mesh(me)
    bm.free()
    for p in me.polygons:
        p.use_smooth = True
    return add(me, name)


def prism(outline, z0, z1, mat, bevel=0.0, name="prism"):
    """A vertical prism over a polygon outline [(x, y), ...] (counter-clockwise)."""
    bm = bmesh.new()
    low = [bm.verts.new((x, y, z0)) for x, y in outline]
    face = bm.faces.new(low)
    ext = bmesh.ops.extrude_face_region(bm, geom=[face])
    bmesh.ops.translate(bm, verts=[v for v in ext["geom"] if isinstance(v, bmesh.types.BMVert)], vec=(0, 0, z1 - z0))
    bmesh.ops.recalc_face_normals(bm, faces=bm.faces)
    if bevel:
        bmesh.ops.bevel(bm, geom=bm.edges[:], offset=bevel, segments=2, profile=0.5, affect="EDGES")
    me = bpy.data.meshes.new(name)
    bm.to_mesh(me)
    bm.free()
    me.materials.append(mat)
    return add(me, name)
