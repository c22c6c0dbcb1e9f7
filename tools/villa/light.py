"""Sky, sun and lamps: one set for the day, one for the golden hour, one for dusk.

Belongs here: the world shader, the sun, invisible fill at windows, the light of visible lamps.
Does not belong here: the lamps' bodies (furniture), camera exposure (cameras).

Levels are relative: a sunlit white wall is about 1 at exposure 0.
"""

import math

import bpy
import materials as m
import mesh as g
from mathutils import Matrix, Vector

#             sun elevation, azimuth (0 = north, 90 = east), sun strength, colour, lamp factor, fill factor
MOODS = {
    "day": dict(elevation=34, azimuth=212, sun=4.6, color=(1.0, 0.93, 0.82), sky=1.0, lamps=0.5, fill=1.0),
    "morning": dict(elevation=30, azimuth=128, sun=4.6, color=(1.0, 0.92, 0.80), sky=1.0, lamps=0.5, fill=1.0),
    "golden": dict(elevation=13, azimuth=238, sun=3.6, color=(1.0, 0.72, 0.44), sky=0.8, lamps=0.8, fill=0.7),
    "dusk": dict(elevation=2.0, azimuth=255, sun=0.0, color=(1.0, 0.5, 0.3), sky=1.0, lamps=1.0, fill=0.0),
}

# Lights outside these boxes (x0, x1, y0, y1) add nothing to a day picture of that room; leaving them out saves time and noise.
ZONES = {
    "bedroom": (-7.6, 0.4, -7.6, -1.5),
    "bathroom": (-7.6, -0.2, -1.5, 4.1),
    "main": (-7.6, 19.8, -0.6, 8.2),
}
ZONE_OF_ROOM = {
    "bedroom": "bedroom",
    "bathroom": "bathroom",
    "bathtub_shower": "bathroom",
    "living": "main",
    "dining": "main",
    "kitchen": "main",
    "hallway": "main",
    "office": "main",
}

_LAMPS = []  # (light, watts at factor 1)
_FILLS = []


def direction(elevation, azimuth):
    """Unit vector towards the sun."""
    e, a = math.radians(elevation), math.radians(azimuth)
    return Vector((math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), math.sin(e)))


def point(x, y, z, watts, color=(1.0, 0.72, 0.44), radius=0.05):
    """A small warm lamp."""
    d = bpy.data.lights.new("lamp", "POINT")
    d.energy, d.color, d.shadow_soft_size = watts, color, radius
    o = g.add(d, "lamp", Matrix.Translation((x, y, z)))
    _LAMPS.append((d, watts))
    return o


def spot(x, y, z, watts, angle=70, color=(1.0, 0.74, 0.48), aim=(0, 0, -1), radius=0.03):
    """A recessed downlight's beam."""
    d = bpy.data.lights.new("spot", "SPOT")
    d.energy, d.color, d.spot_size, d.spot_blend, d.shadow_soft_size = watts, color, math.radians(angle), 0.7, radius
    rot = Vector(aim).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    g.add(d, "spot", Matrix.Translation((x, y, z)) @ rot)
    _LAMPS.append((d, watts))


def area(x, y, z, sx, sy, watts, aim=(0, 0, -1), color=(1.0, 0.76, 0.5), fill=False, spread=180):
    """A soft rectangle of light, unseen by the camera; `fill` ones stand in for skylight at windows."""
    d = bpy.data.lights.new("area", "AREA")
    d.shape, d.size, d.size_y, d.energy, d.color = "RECTANGLE", sx, sy, watts, color
    d.spread = math.radians(spread)
    rot = Vector(aim).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    o = g.add(d, "fill" if fill else "area", Matrix.Translation((x, y, z)) @ rot)
    o.visible_camera = False
    o.visible_glossy = False
    o.visible_transmission = False
    (_FILLS if fill else _LAMPS).append((d, watts))
    return o


def downlight(x, y, z, watts=14, angle=75):
    """A recessed fitting: dark ring, glowing disc, beam."""
    g.lathe([(0.030, z - 0.002), (0.046, z - 0.003), (0.046, z + 0.004)], m.get("metal", 0.04, 0.04, 0.04), 24, x, y)
    g.lathe([(0.0005, z - 0.0012), (0.030, z - 0.0012)], m.get("glow", 1.0, 0.80, 0.56, 6.0), 20, x, y)
    spot(x, y, z - 0.01, watts, angle)


def build():
    """Fixed lamps of the rooms, window fill, the sun."""
    with g.collected("lamps"):
        # cool window fill
        sky = (0.86, 0.93, 1.0)
        area(9.5, -0.12, 1.6, 18.6, 3.0, 230, (0, 1, -0.05), sky, True)
        area(19.35, 3.2, 1.4, 4.6, 2.6, 45, (-1, 0, 0), sky, True)
        area(-3.65, -7.12, 1.5, 6.5, 2.7, 85, (0, 1, 0), sky, True)
        area(0.1, -4.45, 1.4, 2.8, 2.5, 28, (-1, 0, 0), sky, True)
        area(-7.36, 1.5, 1.35, 2.7, 2.5, 55, (1, 0, 0), sky, True)
        area(-7.36, 5.9, 1.65, 1.7, 1.4, 20, (1, 0, 0), sky, True)
        area(-4.4, 7.95, 1.5, 1.3, 2.4, 8, (0, -1, 0), sky, True)
        # soft ceiling bounce, so that corners stay open, as a photographer's flash would
        area(4.7, 3.6, 3.25, 7, 5, 42, (0, 0, -1), (1, 0.93, 0.84), True)
        area(14.5, 4.0, 3.25, 7, 5, 46, (0, 0, -1), (1, 0.93, 0.84), True)
        area(-3.6, -4.2, 2.83, 5, 4, 26, (0, 0, -1), (1, 0.93, 0.84), True)
        area(-3.6, 1.3, 2.83, 5, 4, 30, (0, 0, -1), (1, 0.93, 0.84), True)
        area(-3.6, 5.8, 2.83, 5, 2, 34, (0, 0, -1), (1, 0.93, 0.84), True)
        # ceiling lights, main wing
        for x in (1.6, 4.7, 7.8):
            for y in (1.0, 6.4):
                downlight(x, y, 3.3, 20)
        for x in (10.4, 12.6):
            downlight(x, 6.5, 3.3, 18)
        for x in (14.6, 16.4, 18.2):
            downlight(x, 6.0, 3.3, 24)
            downlight(x, 2.4, 3.3, 16)
        area(4.7, 3.7, 3.22, 6, 4, 60)
        area(11.6, 3.7, 3.22, 3, 4, 34)
        area(16.3, 4.0, 3.22, 4, 4, 60)
        # bedroom wing
        for x, y in ((-6.0, -6.2), (-3.6, -6.2), (-1.3, -6.2), (-1.3, -2.3), (-3.6, -2.3)):
            downlight(x, y, 2.86, 12)
        area(-3.6, -4.3, 2.8, 4, 3, 26)
        for x, y in ((-6.2, 3.5), (-4.9, 3.5), (-3.6, 3.5), (-2.4, 3.5), (-5.4, -0.3), (-3.0, 0.6), (-1.2, 1.2)):
            downlight(x, y, 2.86, 12)
        area(-3.6, 1.3, 2.8, 4, 3, 34)
        for x in (-6.0, -4.4, -2.8, -1.2):
            downlight(x, 5.9, 2.86, 14)
        area(-3.6, 5.9, 2.8, 5, 1.5, 26)
        # terrace and façade
        for x in (1.2, 3.6, 6.0, 8.4, 10.8):
            downlight(x, -1.5, 3.3, 16, 90)
        for x in (13.6, 15.6, 17.6, 19.6):
            downlight(x, -3.6, 3.3, 14, 90)
            downlight(x, -0.9, 3.3, 14, 90)
        for x in (-6.2, -4.4, -2.6, -0.8):
            downlight(x, -7.9, 2.9, 12, 90)
        for x in (-5.2, -3.6):
            downlight(x, 8.9, 2.6, 14, 90)
        # uplights on the stone and trees
        for y in (-5.5, -1.0, 4.0, 7.3):
            spot(-7.75, y, 0.05, 26, 80, aim=(0.25, 0, 1))
        for x, y in ((24.6, 4.2), (27.3, -4.4), (22.4, -7.8), (2.0, 14.7), (-6.9, 12.4), (-10.2, -4.9)):
            spot(x, y, 0.05, 60, 95, aim=(0.03, 0.08, 1))
        spot(-2.8, 8.5, 0.05, 30, 80, aim=(0, -0.25, 1))
    with g.collected("pool-lights"):
        for x in (3.5, 6.5, 9.5, 12.5, 15.0):
            area(x, -5.28, -0.55, 0.7, 0.25, 75, (0, -1, -0.25), (0.62, 0.93, 1.0))
    sun = bpy.data.lights.new("sun", "SUN")
    sun.angle = math.radians(0.9)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("sun", sun))


def only_for(room, mood_name):
    """Switch off lights that cannot reach a day picture of a room; all are on otherwise."""
    zone = ZONES.get(ZONE_OF_ROOM.get(room)) if mood_name in ("day", "morning") else None
    for obj in bpy.data.objects:
        if obj.type == "LIGHT" and obj.name != "sun":
            x, y, _ = obj.matrix_world.translation
            obj.hide_render = bool(zone) and not (zone[0] <= x <= zone[1] and zone[2] <= y <= zone[3])
            if zone and ZONE_OF_ROOM[room] == "main" and x < -0.3 and y < 4.1:
                obj.hide_render = True


def _clouds(t, ray):
    """Thin, high cloud as a factor 0..1, laid out on a plane above."""
    sep = t("SeparateXYZ", Vector=ray)
    z = t.math("ADD", t.math("MAXIMUM", sep.outputs[2], 0.0), 0.06)
    uv = t("CombineXYZ", X=t.math("DIVIDE", sep.outputs[0], z), Y=t.math("DIVIDE", sep.outputs[1], z), Z=0.3).outputs[0]
    st = t("Mapping", Vector=uv, Scale=(0.30, 0.62, 1), Rotation=(0, 0, 0.5)).outputs[0]
    n = t.noise(st, 1.1, 9, 0.56, 0.5)
    veil = t.noise(t("Mapping", Vector=uv, Scale=(0.12, 0.45, 1), Rotation=(0, 0, 0.75)).outputs[0], 1.0, 7, 0.6, 1.2)
    c = t.math("MAXIMUM", t.span(n, 0.50, 0.78), t.math("MULTIPLY", t.span(veil, 0.48, 0.8), 0.6))
    return t.math("MULTIPLY", c, t.span(sep.outputs[2], 0.015, 0.16)), sep


def mood(name, camera_sky=1.0, lamps=1.0, fill=1.0, azimuth=None, elevation=None):
    """Set sky, sun and lamp levels. `camera_sky` only scales what the camera sees of the sky."""
    s = dict(MOODS[name])
    if azimuth is not None:
        s["azimuth"] = azimuth
    if elevation is not None:
        s["elevation"] = elevation
    scene = bpy.context.scene
    world = scene.world or bpy.data.worlds.new("world")
    scene.world = world
    if world.node_tree is None:
        world.use_nodes = True
    t = m.Tree(world.node_tree)
    ray = world.node_tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"]
    clouds, sep = _clouds(t, ray)
    up = sep.outputs[2]
    sund = direction(s["elevation"], s["azimuth"])
    if name != "dusk":
        sky = t(
            "TexSky",
            {
                "sky_type": "MULTIPLE_SCATTERING",
                "sun_disc": False,
                "sun_elevation": math.radians(s["elevation"]),
                "sun_rotation": math.radians(s["azimuth"]),
                "altitude": 60,
                "air_density": 1.0,
                "aerosol_density": 1.0,
                "ozone_density": 1.4,
            },
        )
        base = t.mix(1.0, sky.outputs[0], (0.115, 0.115, 0.115), "MULTIPLY")
        warm = (1.0, 0.96, 0.92) if name != "golden" else (1.0, 0.70, 0.48)
        col = t.mix(
            t.math("MULTIPLY", clouds, 0.75), base, tuple(c * (1.0 if name != "golden" else 0.75) for c in warm)
        )
    else:
        dot = t("VectorMath", {"operation": "DOT_PRODUCT"})
        t.put(dot, 0, ray)
        t.put(dot, 1, Vector((sund.x, sund.y, 0)).normalized())
        toward = t.span(dot.outputs["Value"], -1.0, 1.0)
        west = t.ramp(
            up,
            (0.0, (0.95, 0.40, 0.15)),
            (0.05, (0.93, 0.44, 0.22)),
            (0.12, (0.72, 0.40, 0.33)),
            (0.24, (0.34, 0.31, 0.44)),
            (0.50, (0.10, 0.16, 0.33)),
            (1.0, (0.035, 0.075, 0.19)),
        )
        east = t.ramp(
            up,
            (0.0, (0.24, 0.24, 0.36)),
            (0.06, (0.34, 0.27, 0.37)),
            (0.14, (0.29, 0.27, 0.41)),
            (0.30, (0.14, 0.19, 0.36)),
            (0.6, (0.06, 0.11, 0.26)),
            (1.0, (0.035, 0.075, 0.19)),
        )
        base = t.mix(t.math("POWER", toward, 1.7), east, west)
        lit = t.ramp(toward, (0.3, (0.30, 0.24, 0.33)), (0.75, (0.80, 0.36, 0.26)), (1.0, (1.0, 0.46, 0.22)))
        col = t.mix(t.math("MULTIPLY", clouds, 0.55), base, lit)
    # below the horizon: never seen, but it lights undersides
    bg = t("Background", Color=col, Strength=s["sky"])
    cam = t("Background", Color=col, Strength=s["sky"] * camera_sky)
    mixs = t("MixShader", Fac=t("LightPath").outputs["Is Camera Ray"])
    t.tree.links.new(bg.outputs[0], mixs.inputs[1])
    t.tree.links.new(cam.outputs[0], mixs.inputs[2])
    out = world.node_tree.nodes.new("ShaderNodeOutputWorld")
    t.tree.links.new(mixs.outputs[0], out.inputs[0])
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = 512
    sun = bpy.data.objects["sun"]
    sun.data.energy, sun.data.color = s["sun"], s["color"]
    sun.hide_render = s["sun"] == 0
    sun.rotation_euler = (-sund).to_track_quat("-Z", "Y").to_euler()
    for d, w in _LAMPS:
        d.energy = w * s["lamps"] * lamps
    for d, w in _FILLS:
        d.energy = w * s["fill"] * fill
    pl = bpy.data.collections.get("pool-lights")
    if pl:
        pl.hide_render = name not in ("dusk",)
    earth = m.get("earth").node_tree.nodes.get("haze")
    if earth:
        earth.inputs["Color"].default_value = {"dusk": (0.30, 0.22, 0.28, 1), "golden": (0.75, 0.52, 0.38, 1)}.get(
            name, (0.46, 0.57, 0.70, 1)
        )
        earth.inputs["Strength"].default_value = {"dusk": 0.5, "golden": 0.7}.get(name, 0.95)
