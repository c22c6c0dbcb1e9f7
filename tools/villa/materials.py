"""Procedural materials: wood, stone, plaster, fabric, glass, water, leaves.

Belongs here: what a surface looks like, as node trees read through `get(name)`.
Does not belong here: geometry, and light sources other than glowing surfaces.

Textures are laid out in object coordinates, so one unit is one metre everywhere.
Glass and pool water are thin (transparent mixed with a mirror by angle): sunlight passes
them as a shadow ray does, which keeps interiors clean without caustics.
"""

import bpy

_CACHE = {}


class Tree:
    """A thin pen for node trees: `t("TexNoise", Scale=3)` makes a node and sets or links its inputs."""

    def __init__(self, tree):
        self.tree = tree
        tree.nodes.clear()

    def __call__(self, kind, _props=None, **inputs):
        node = self.tree.nodes.new("ShaderNode" + kind)
        for key, value in (_props or {}).items():
            setattr(node, key, value)
        for key, value in inputs.items():
            self.put(node, key.replace("_", " "), value)
        return node

    def put(self, node, key, value):
        socket = node.inputs[key]
        if isinstance(value, bpy.types.Node):
            value = value.outputs[0]
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif socket.type == "RGBA" and len(value) == 3:
            socket.default_value = (*value, 1.0)
        else:
            socket.default_value = value

    def math(self, op, a, b=0.0, clamp=False):
        node = self.tree.nodes.new("ShaderNodeMath")
        node.operation, node.use_clamp = op, clamp
        self.put(node, 0, a)
        self.put(node, 1, b)
        return node.outputs[0]

    def mix(self, fac, a, b, blend="MIX"):
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type, node.blend_type = "RGBA", blend
        self.put(node, 0, fac)
        self.put(node, 6, a)
        self.put(node, 7, b)
        return node.outputs[2]

    def ramp(self, fac, *stops, interpolation="LINEAR"):
        node = self.tree.nodes.new("ShaderNodeValToRGB")
        node.color_ramp.interpolation = interpolation
        els = node.color_ramp.elements
        while len(els) < len(stops):
            els.new(0.5)
        for el, (pos, col) in zip(els, stops):
            el.position = pos
            el.color = (*col, 1.0) if isinstance(col, tuple) else (col, col, col, 1.0)
        self.put(node, 0, fac)
        return node.outputs[0]

    def span(self, fac, lo, hi, to_lo=0.0, to_hi=1.0):
        node = self.tree.nodes.new("ShaderNodeMapRange")
        for k, v in enumerate((fac, lo, hi, to_lo, to_hi)):
            self.put(node, k, v)
        return node.outputs[0]

    def where(self, scale=(1, 1, 1), move=None, source="Object"):
        coord = self.tree.nodes.new("ShaderNodeTexCoord").outputs[source]
        node = self("Mapping", Vector=coord, Scale=scale)
        if move is not None:
            self.put(node, "Location", move)
        return node.outputs[0]

    def wall_uv(self, scale=(1, 1)):
        """Object coordinates for upright, axis-aligned walls: (x + y, z)."""
        sep = self("SeparateXYZ", Vector=self.tree.nodes.new("ShaderNodeTexCoord").outputs["Object"])
        com = self(
            "CombineXYZ",
            X=self.math("MULTIPLY", self.math("ADD", sep.outputs[0], sep.outputs[1]), scale[0]),
            Y=self.math("MULTIPLY", sep.outputs[2], scale[1]),
        )
        return com.outputs[0]

    def bump(self, height, strength=0.2, distance=0.01, normal=None):
        node = self("Bump", Height=height, Strength=strength, Distance=distance)
        if normal is not None:
            self.put(node, "Normal", normal)
        return node.outputs[0]

    def noise(self, vec, scale=5.0, detail=4.0, rough=0.55, distort=0.0):
        return self("TexNoise", Vector=vec, Scale=scale, Detail=detail, Roughness=rough, Distortion=distort).outputs[0]

    def surface(self, shader):
        out = self("OutputMaterial")
        self.tree.links.new(shader.outputs[0] if isinstance(shader, bpy.types.Node) else shader, out.inputs[0])

    def pbr(self, color, rough=0.5, normal=None, metal=0.0, spec=0.5, **more):
        node = self("BsdfPrincipled", Base_Color=color, Roughness=rough, Metallic=metal)
        self.put(node, "Specular IOR Level", spec)
        if normal is not None:
            self.put(node, "Normal", normal)
        for k, v in more.items():
            self.put(node, k.replace("_", " "), v)
        self.surface(node)
        return node


def get(name, *args):
    """The material of that name, made once. Names are the functions below, without `_`."""
    key = (name, *args)
    if key not in _CACHE:
        m = bpy.data.materials.new("-".join(map(str, key)))
        if m.node_tree is None:
            m.use_nodes = True
        globals()["_" + name](Tree(m.node_tree), *args)
        m.cycles.emission_sampling = "NONE"  # real lamps light the scene; thousands of glowing faces would only slow it
        _CACHE[key] = m
    return _CACHE[key]


def reset():
    """Forget every material (a new scene was opened)."""
    _CACHE.clear()


# --- plain ---------------------------------------------------------------------------
def _paint(t, r=0.8, g=0.8, b=0.8, rough=0.5):
    w = t.where()
    n = t.noise(w, 3.0)
    col = t.mix(t.span(n, 0.3, 0.7, 0.0, 0.12), (r, g, b), (r * 0.82, g * 0.8, b * 0.78))
    t.pbr(col, t.span(t.noise(w, 8.0), 0.3, 0.7, rough * 0.9, min(1, rough * 1.12)))


def _plaster(t, r=0.80, g=0.775, b=0.735):
    w = t.where()
    big = t.noise(w, 0.7, 5)
    fine = t.noise(w, 55.0, 6, 0.65)
    col = t.mix(t.span(big, 0.35, 0.7, 0.0, 0.5), (r, g, b), (r * 0.93, g * 0.915, b * 0.89))
    t.pbr(
        col,
        t.span(fine, 0.3, 0.7, 0.78, 0.95),
        t.bump(fine, 0.10, 0.004, t.bump(t.noise(w, 4.0, 3), 0.05, 0.02)),
        spec=0.25,
    )


def _concrete(t, r=0.46, g=0.45, b=0.43):
    w = t.where()
    n = t.noise(w, 1.3, 8, 0.62)
    f = t.noise(w, 40.0, 5, 0.7)
    col = t.ramp(n, (0.3, (r * 0.74, g * 0.74, b * 0.74)), (0.55, (r, g, b)), (0.75, (r * 1.14, g * 1.14, b * 1.13)))
    t.pbr(
        t.mix(t.span(f, 0.35, 0.7, 0, 0.25), col, (r * 0.6, g * 0.6, b * 0.6)),
        t.span(n, 0.3, 0.7, 0.55, 0.8),
        t.bump(f, 0.12, 0.004),
    )


def _metal(t, r=0.03, g=0.03, b=0.032, rough=0.38, metallic=0.85):
    n = t.noise(t.where((4, 4, 4)), 9.0, 3)
    t.pbr((r, g, b), t.span(n, 0.3, 0.7, rough * 0.85, rough * 1.2), metal=metallic)


def _mirror(t):
    t.pbr((0.93, 0.94, 0.94), 0.0, metal=1.0)


def _ceramic(t, r=0.86, g=0.855, b=0.84, rough=0.12):
    t.pbr((r, g, b), t.span(t.noise(t.where(), 6), 0.3, 0.7, rough * 0.8, rough * 1.4), spec=0.55)


def _glow(t, r=1.0, g=0.78, b=0.5, strength=5.0):
    node = t("Emission", Color=(r, g, b), Strength=strength)
    t.surface(node)


def _shade(t, r=0.95, g=0.82, b=0.62, strength=2.0):
    """A lampshade: cloth that glows softly, brighter in the middle."""
    w = t.where((120, 120, 160))
    weave = t.noise(w, 1.0, 2)
    cloth = t("BsdfPrincipled", Base_Color=(0.82, 0.76, 0.66), Roughness=0.9, Normal=t.bump(weave, 0.2, 0.002))
    em = t("Emission", Color=(r, g, b), Strength=strength)
    out = t("AddShader")
    t.tree.links.new(cloth.outputs[0], out.inputs[0])
    t.tree.links.new(em.outputs[0], out.inputs[1])
    t.surface(out)


# --- wood ----------------------------------------------------------------------------
_WOODS = {
    "oak": ((0.30, 0.185, 0.095), (0.47, 0.31, 0.175), (0.56, 0.395, 0.24)),
    "pale": ((0.43, 0.31, 0.19), (0.58, 0.44, 0.29), (0.66, 0.525, 0.37)),
    "walnut": ((0.075, 0.038, 0.02), (0.165, 0.088, 0.045), (0.24, 0.135, 0.072)),
    "teak": ((0.23, 0.125, 0.06), (0.38, 0.22, 0.115), (0.47, 0.29, 0.165)),
    "cedar": ((0.29, 0.165, 0.09), (0.44, 0.275, 0.16), (0.54, 0.36, 0.225)),
    "ebony": ((0.012, 0.009, 0.008), (0.03, 0.022, 0.018), (0.055, 0.04, 0.032)),
}


def _grain(t, axis, shift=None):
    scale = {"x": (1.1, 21, 21), "y": (21, 1.1, 21), "z": (21, 21, 1.1)}[axis]
    w = t.where(scale)
    if shift is not None:
        add = t("VectorMath", {"operation": "ADD"})
        t.put(add, 0, w)
        t.put(add, 1, shift)
        w = add.outputs[0]
    g = t.noise(w, 1.0, 6, 0.62, 0.8)
    pores = t.noise(t.where(tuple(s * 6 for s in scale)), 1.0, 3, 0.6)
    return g, pores


def _wood(t, kind="oak", axis="x", rough=0.42):
    dark, mid, light = _WOODS[kind]
    rnd = t("ObjectInfo").outputs["Random"]
    g, pores = _grain(
        t, axis, t("CombineXYZ", X=t.math("MULTIPLY", rnd, 40.0), Y=t.math("MULTIPLY", rnd, 17.0)).outputs[0]
    )
    col = t.ramp(g, (0.28, dark), (0.5, mid), (0.74, light))
    col = t.mix(t.span(pores, 0.55, 0.75, 0.0, 0.35), col, dark)
    t.pbr(col, t.span(g, 0.3, 0.7, rough * 1.15, rough * 0.85), t.bump(pores, 0.06, 0.002), spec=0.4)


def _planks(t, kind="oak", axis="x", width=0.18, length=2.2, rough=0.36, gap=0.0016, plane="xy"):
    """Boards along `axis`, each with its own tone. `plane` xy for floors and soffits, wall for upright boards."""
    dark, mid, light = _WOODS[kind]
    if plane == "xy":
        w = t.where()
        if axis == "y":
            w = t("Mapping", Vector=w, Rotation=(0, 0, 1.5707963)).outputs[0]
    else:
        w = t.wall_uv()
        if axis == "z":
            w = t("Mapping", Vector=w, Rotation=(0, 0, 1.5707963)).outputs[0]
    brick = t(
        "TexBrick",
        {"offset": 0.37, "offset_frequency": 2},
        Vector=w,
        Color1=(0, 0, 0),
        Color2=(1, 1, 1),
        Mortar=(0.5, 0.5, 0.5),
        Scale=1.0,
        Mortar_Size=gap,
        Mortar_Smooth=0.3,
        Bias=0.0,
        Brick_Width=length,
        Row_Height=width,
    )
    tone, joint = brick.outputs[0], brick.outputs[1]
    off = t(
        "CombineXYZ",
        X=t.math("MULTIPLY", tone, 31.0),
        Y=t.math("MULTIPLY", tone, 57.0),
        Z=t.math("MULTIPLY", tone, 13.0),
    ).outputs[0]
    gaxis = axis
    g, pores = _grain(t, gaxis, off)
    col = t.ramp(g, (0.25, dark), (0.5, mid), (0.78, light))
    col = t.mix(t.span(pores, 0.55, 0.78, 0.0, 0.3), col, dark)
    col = t.mix(0.5, col, t.ramp(tone, (0.0, 0.62), (1.0, 1.18)), "MULTIPLY")
    col = t.mix(joint, col, tuple(c * 0.25 for c in dark))
    height = t.math("SUBTRACT", t.math("MULTIPLY", pores, 0.25), t.math("MULTIPLY", joint, 1.0))
    t.pbr(col, t.span(g, 0.3, 0.7, rough * 1.2, rough * 0.8), t.bump(height, 0.25, 0.004), spec=0.42)


# --- stone ---------------------------------------------------------------------------
def _travertine(t, tile=0.9, row=0.6, rough=0.45, r=0.62, g=0.555, b=0.46, plane="xy"):
    w = t.where() if plane == "xy" else t.wall_uv()
    brick = t(
        "TexBrick",
        {"offset": 0.5, "offset_frequency": 2},
        Vector=w,
        Color1=(0, 0, 0),
        Color2=(1, 1, 1),
        Mortar=(0.5, 0.5, 0.5),
        Scale=1.0,
        Mortar_Size=0.003,
        Mortar_Smooth=0.2,
        Bias=0.0,
        Brick_Width=tile,
        Row_Height=row,
    )
    tone, joint = brick.outputs[0], brick.outputs[1]
    off = t("CombineXYZ", X=t.math("MULTIPLY", tone, 23.0), Y=t.math("MULTIPLY", tone, 51.0), Z=0.0).outputs[0]
    add = t("VectorMath", {"operation": "ADD"})
    t.put(add, 0, t.where((0.8, 3.2, 3.2)))
    t.put(add, 1, off)
    v = t.noise(add.outputs[0], 1.4, 8, 0.62, 0.6)
    pits = t.noise(t.where((14, 34, 34)), 1.5, 4, 0.6)
    col = t.ramp(v, (0.25, (r * 0.80, g * 0.77, b * 0.72)), (0.5, (r, g, b)), (0.75, (r * 1.12, g * 1.13, b * 1.15)))
    col = t.mix(0.45, col, t.ramp(tone, (0.0, 0.78), (1.0, 1.10)), "MULTIPLY")
    pit = t.span(pits, 0.66, 0.74)
    col = t.mix(t.math("MULTIPLY", pit, 0.45), col, (r * 0.5, g * 0.45, b * 0.4))
    col = t.mix(joint, col, (r * 0.42, g * 0.40, b * 0.37))
    h = t.math("SUBTRACT", 1.0, t.math("ADD", joint, t.math("MULTIPLY", pit, 0.25)))
    t.pbr(col, t.span(v, 0.3, 0.7, rough * 0.8, rough * 1.25), t.bump(h, 0.3, 0.004), spec=0.4)


def _marble(t, dark=0):
    w = t.where()
    warp = t("TexNoise", Vector=w, Scale=1.3, Detail=5.0, Roughness=0.6)
    add = t("VectorMath", {"operation": "MULTIPLY_ADD"})
    t.put(add, 0, warp.outputs[1])
    t.put(add, 1, (1.6, 1.6, 1.6))
    t.put(add, 2, w)
    n1 = t.noise(add.outputs[0], 0.9, 7, 0.6)
    n2 = t.noise(add.outputs[0], 2.6, 6, 0.6)
    vein = t.math("SUBTRACT", 1.0, t.span(t.math("ABSOLUTE", t.math("SUBTRACT", n1, 0.5)), 0.0, 0.028), True)
    fine = t.math("SUBTRACT", 1.0, t.span(t.math("ABSOLUTE", t.math("SUBTRACT", n2, 0.5)), 0.0, 0.014), True)
    base, line = ((0.80, 0.79, 0.77), (0.36, 0.34, 0.32)) if not dark else ((0.035, 0.034, 0.035), (0.42, 0.36, 0.27))
    cloud = t.noise(w, 1.1, 4)
    col = t.mix(t.span(cloud, 0.4, 0.75, 0, 0.35), base, tuple(0.55 * a + 0.45 * b for a, b in zip(base, line)))
    col = t.mix(t.math("MULTIPLY", vein, 0.55), col, line)
    col = t.mix(t.math("MULTIPLY", fine, 0.28), col, line)
    t.pbr(col, t.span(cloud, 0.3, 0.7, 0.10, 0.2), spec=0.5)


def _tile(t, width=0.6, row=1.2, plane="wall", r=0.60, g=0.57, b=0.52, rough=0.3):
    """Large porcelain tiles that look like honed limestone."""
    w = t.where() if plane == "xy" else t.wall_uv()
    brick = t(
        "TexBrick",
        {"offset": 0.0},
        Vector=w,
        Color1=(0, 0, 0),
        Color2=(1, 1, 1),
        Mortar=(0.5, 0.5, 0.5),
        Scale=1.0,
        Mortar_Size=0.0018,
        Mortar_Smooth=0.1,
        Bias=0.0,
        Brick_Width=width,
        Row_Height=row,
    )
    tone, joint = brick.outputs[0], brick.outputs[1]
    n = t.noise(t.where(), 1.7, 8, 0.62, 0.5)
    f = t.noise(t.where(), 26.0, 5, 0.62)
    col = t.ramp(n, (0.3, (r * 0.85, g * 0.84, b * 0.82)), (0.55, (r, g, b)), (0.75, (r * 1.1, g * 1.1, b * 1.1)))
    col = t.mix(t.span(f, 0.4, 0.75, 0, 0.16), col, (r * 0.7, g * 0.68, b * 0.65))
    col = t.mix(0.3, col, t.ramp(tone, (0.0, 0.86), (1.0, 1.06)), "MULTIPLY")
    col = t.mix(joint, col, (r * 0.45, g * 0.44, b * 0.42))
    t.pbr(
        col,
        t.span(n, 0.3, 0.7, rough * 0.8, rough * 1.2),
        t.bump(t.math("SUBTRACT", 1.0, joint), 0.25, 0.002),
        spec=0.45,
    )


def _ashlar(t):
    """Stacked stone; the colour of each stone is in the attribute `tint`."""
    tint = t("Attribute", {"attribute_name": "tint"}).outputs["Fac"]
    w = t.where()
    n = t.noise(w, 9.0, 7, 0.65)
    f = t.noise(w, 60.0, 5, 0.7)
    col = t.ramp(
        tint,
        (0.0, (0.25, 0.215, 0.18)),
        (0.35, (0.40, 0.35, 0.29)),
        (0.7, (0.50, 0.455, 0.39)),
        (1.0, (0.58, 0.50, 0.40)),
    )
    col = t.mix(t.span(n, 0.35, 0.7, 0, 0.45), col, (0.30, 0.26, 0.22))
    t.pbr(col, 0.88, t.bump(t.math("ADD", n, t.math("MULTIPLY", f, 0.4)), 0.55, 0.012), spec=0.2)


def _mosaic(t):
    """Pool mosaic, 2.5 cm, sea green to blue."""
    w = t.where()
    sep = t("SeparateXYZ", Vector=w)
    uv = t(
        "CombineXYZ",
        X=t.math("ADD", sep.outputs[0], t.math("MULTIPLY", sep.outputs[2], 1.0)),
        Y=t.math("ADD", sep.outputs[1], sep.outputs[2]),
    ).outputs[0]
    brick = t(
        "TexBrick",
        {"offset": 0.0},
        Vector=uv,
        Color1=(0, 0, 0),
        Color2=(1, 1, 1),
        Mortar=(0.5, 0.5, 0.5),
        Scale=1.0,
        Mortar_Size=0.0016,
        Mortar_Smooth=0.1,
        Bias=0.0,
        Brick_Width=0.04,
        Row_Height=0.04,
    )
    col = t.ramp(brick.outputs[0], (0.0, (0.13, 0.41, 0.48)), (0.5, (0.20, 0.53, 0.59)), (1.0, (0.36, 0.66, 0.68)))
    col = t.mix(brick.outputs[1], col, (0.55, 0.62, 0.6))
    t.pbr(col, 0.25)


# --- fabric --------------------------------------------------------------------------
def _fabric(t, r=0.62, g=0.58, b=0.51, weave=420.0, contrast=0.18):
    w = t.where()
    a = t(
        "TexWave",
        {"bands_direction": "X"},
        Vector=w,
        Scale=weave / 6.2832 * 2,
        Distortion=2.5,
        Detail=1.0,
        Detail_Scale=2.0,
    )
    b2 = t(
        "TexWave",
        {"bands_direction": "Z"},
        Vector=w,
        Scale=weave / 6.2832 * 2,
        Distortion=2.5,
        Detail=1.0,
        Detail_Scale=2.0,
    )
    thread = t.math("MAXIMUM", a.outputs[1], b2.outputs[1])
    slub = t.noise(t.where((30, 30, 30)), 4.0, 5, 0.7)
    big = t.noise(w, 3.5, 3)
    col = t.mix(t.span(slub, 0.3, 0.7, 0, contrast * 2), (r * 1.05, g * 1.05, b * 1.05), (r * 0.72, g * 0.71, b * 0.70))
    col = t.mix(t.span(big, 0.35, 0.7, 0, 0.15), col, (r * 0.8, g * 0.8, b * 0.8))
    height = t.math("ADD", t.math("MULTIPLY", thread, 0.5), slub)
    node = t.pbr(col, 0.93, t.bump(height, 0.28, 0.003), spec=0.15)
    t.put(node, "Sheen Weight", 0.25)
    t.put(node, "Sheen Roughness", 0.5)


def _boucle(t, r=0.72, g=0.68, b=0.61):
    w = t.where()
    v = t("TexVoronoi", Vector=w, Scale=95.0, Randomness=1.0)
    n = t.noise(w, 70.0, 4, 0.6, 1.0)
    col = t.mix(t.span(n, 0.35, 0.65, 0, 0.3), (r, g, b), (r * 0.68, g * 0.66, b * 0.63))
    t.pbr(col, 0.95, t.bump(t.math("ADD", v.outputs[0], n), 0.7, 0.006), spec=0.1)


def _rug(t, r=0.60, g=0.55, b=0.47, pattern=0):
    w = t.where()
    pile = t.noise(t.where((260, 260, 260)), 1.0, 3, 0.7)
    tuft = t.noise(w, 38.0, 4, 0.65)
    col = t.mix(t.span(tuft, 0.35, 0.65, 0, 0.45), (r, g, b), (r * 0.70, g * 0.68, b * 0.66))
    if pattern:
        sep = t("SeparateXYZ", Vector=w)
        warp = t.math("MULTIPLY", t.noise(w, 2.0, 3), 0.10)
        tri = t.math("PINGPONG", t.math("ADD", sep.outputs[0], warp), 0.35)
        line = t.math("FRACT", t.math("MULTIPLY", t.math("ADD", t.math("ADD", sep.outputs[1], tri), warp), 1.7))
        band = t.math("LESS_THAN", line, 0.085)
        col = t.mix(t.math("MULTIPLY", band, 0.75), col, (0.13, 0.115, 0.10))
    t.pbr(col, 0.97, t.bump(t.math("ADD", pile, tuft), 0.6, 0.012), spec=0.08)


def _wicker(t, r=0.22, g=0.16, b=0.10):
    w = t.where()
    a = t("TexWave", {"bands_direction": "Z"}, Vector=w, Scale=26.0, Distortion=1.0)
    c = t("TexWave", {"bands_direction": "DIAGONAL"}, Vector=w, Scale=20.0, Distortion=1.0)
    h = t.math("MULTIPLY", a.outputs[1], c.outputs[1])
    n = t.noise(w, 30.0, 3)
    t.pbr(
        t.mix(h, (r * 0.35, g * 0.33, b * 0.3), t.mix(n, (r, g, b), (r * 1.4, g * 1.4, b * 1.4))),
        0.55,
        t.bump(h, 0.8, 0.008),
    )


def _leather(t, r=0.21, g=0.10, b=0.05):
    w = t.where()
    v = t("TexVoronoi", {"feature": "DISTANCE_TO_EDGE"}, Vector=w, Scale=160.0).outputs[0]
    n = t.noise(w, 3.0, 4)
    t.pbr(
        t.mix(t.span(n, 0.3, 0.7, 0, 0.6), (r, g, b), (r * 0.6, g * 0.55, b * 0.5)),
        t.span(n, 0.3, 0.7, 0.35, 0.5),
        t.bump(v, 0.25, 0.002),
    )


def _sheer(t, r=0.86, g=0.84, b=0.80, open_=0.35):
    """Curtain voile: lets light and some of the view through."""
    w = t.where((900, 900, 900))
    n = t.noise(w, 1.0, 2)
    diff = t("BsdfDiffuse", Color=(r, g, b))
    trans = t("BsdfTranslucent", Color=(r, g, b))
    clear = t("BsdfTransparent")
    a = t("MixShader", Fac=0.55)
    t.tree.links.new(diff.outputs[0], a.inputs[1])
    t.tree.links.new(trans.outputs[0], a.inputs[2])
    o = t("MixShader", Fac=t.span(n, 0.3, 0.7, open_ * 0.7, open_ * 1.3))
    t.tree.links.new(a.outputs[0], o.inputs[1])
    t.tree.links.new(clear.outputs[0], o.inputs[2])
    t.surface(o)


def _drape(t, r=0.60, g=0.56, b=0.50):
    w = t.where((300, 300, 60))
    n = t.noise(w, 1.0, 3)
    nrm = t.bump(n, 0.25, 0.002)
    diff = t(
        "BsdfPrincipled",
        Base_Color=t.mix(t.span(n, 0.3, 0.7, 0, 0.25), (r, g, b), (r * 0.8, g * 0.8, b * 0.8)),
        Roughness=0.95,
        Normal=nrm,
    )
    trans = t("BsdfTranslucent", Color=(r, g * 0.96, b * 0.88))
    a = t("MixShader", Fac=0.25)
    t.tree.links.new(diff.outputs[0], a.inputs[1])
    t.tree.links.new(trans.outputs[0], a.inputs[2])
    t.surface(a)


# --- glass, water --------------------------------------------------------------------
def _thin(t, tint, fac, normal=None, rough=0.0, gloss=(1, 1, 1)):
    clear = t("BsdfTransparent", Color=tint)
    shine = t("BsdfGlossy", {"distribution": "GGX"}, Color=gloss, Roughness=rough)
    if normal is not None:
        t.put(shine, "Normal", normal)
    m = t("MixShader", Fac=fac)
    t.tree.links.new(clear.outputs[0], m.inputs[1])
    t.tree.links.new(shine.outputs[0], m.inputs[2])
    return m


def _schlick(t, r0, normal=None):
    """Reflection of a thin sheet by angle, the same from both sides."""
    lw = t("LayerWeight", Blend=0.5)
    if normal is not None:
        t.put(lw, "Normal", normal)
    return t.math("ADD", t.math("MULTIPLY", t.math("POWER", lw.outputs[1], 5.0), 1 - r0), r0, True)


def _glass(t, tint=0.94):
    t.surface(_thin(t, (tint * 0.985, tint, tint * 0.99), t.math("MULTIPLY", _schlick(t, 0.05), 1.25, True)))


def _tumbler(t):
    """Drinking glasses and vases: thin, with a bright rim."""
    lw = t("LayerWeight", Blend=0.35).outputs[1]
    t.surface(_thin(t, (0.93, 0.95, 0.94), t.span(lw, 0.1, 1.0, 0.05, 0.65)))


def _pool_water(t):
    w = t.where((1, 1, 1))
    n1 = t.noise(w, 1.3, 2, 0.5, 0.5)
    n2 = t.noise(w, 6.0, 2, 0.5, 0.5)
    nrm = t.bump(t.math("ADD", n1, t.math("MULTIPLY", n2, 0.20)), 0.10, 0.16)
    t.surface(_thin(t, (0.60, 0.86, 0.90), _schlick(t, 0.022, nrm), nrm, 0.01))


def _sea(t):
    swell = t.noise(t.where((0.030, 0.055, 0.05)), 1.0, 5, 0.55, 0.4)
    chop = t.noise(t.where((0.35, 0.6, 0.5)), 1.0, 5, 0.6, 0.5)
    patch = t.noise(t.where((0.0032, 0.008, 0.01)), 1.0, 5, 0.6, 1.0)
    nrm = t.bump(t.math("ADD", t.math("MULTIPLY", chop, 0.35), swell), 0.55, 1.6)
    col = t.mix(t.span(patch, 0.35, 0.68), (0.010, 0.060, 0.085), (0.016, 0.095, 0.115))
    dist = t("CameraData").outputs[2]
    col = t.mix(t.span(dist, 30, 900), t.mix(0.55, col, (0.03, 0.16, 0.16)), col)
    t.pbr(col, t.span(patch, 0.35, 0.68, 0.10, 0.22), nrm, spec=0.5, IOR=1.33)


# --- ground and plants ---------------------------------------------------------------
def _earth(t):
    """Coastal scrub ground: dry grass, soil, rock where it is steep."""
    w = t.where()
    n = t.noise(w, 0.07, 8, 0.62)
    f = t.noise(w, 1.6, 8, 0.65)
    col = t.ramp(n, (0.30, (0.085, 0.085, 0.038)), (0.5, (0.17, 0.145, 0.075)), (0.72, (0.25, 0.20, 0.12)))
    col = t.mix(t.span(f, 0.38, 0.64), col, (0.065, 0.07, 0.03))
    geo = t("NewGeometry").outputs["Normal"]
    steep = t("SeparateXYZ", Vector=geo).outputs[2]
    rock = t.ramp(
        t.noise(t.where((0.5, 0.5, 2.4)), 1.0, 9, 0.65),
        (0.3, (0.12, 0.095, 0.07)),
        (0.55, (0.27, 0.22, 0.165)),
        (0.75, (0.38, 0.32, 0.25)),
    )
    col = t.mix(t.span(steep, 0.60, 0.80), rock, col)
    dist = t("CameraData").outputs[2]
    haze = t.span(dist, 120, 2600, 0, 0.72)
    node = t.pbr(col, 0.95, t.bump(t.math("ADD", f, n), 0.8, 0.25), spec=0.1)
    em = t("Emission", Color=(0.42, 0.52, 0.66), Strength=0.55)
    m = t("MixShader", Fac=haze)
    t.tree.links.new(node.outputs[0], m.inputs[1])
    t.tree.links.new(em.outputs[0], m.inputs[2])
    em.name = "haze"
    t.surface(m)


def _lawn(t):
    w = t.where()
    n = t.noise(w, 0.6, 5, 0.6)
    f = t.noise(w, 60.0, 4, 0.7)
    col = t.ramp(
        t.math("ADD", t.math("MULTIPLY", n, 0.5), t.math("MULTIPLY", f, 0.5)),
        (0.3, (0.028, 0.062, 0.014)),
        (0.5, (0.06, 0.115, 0.026)),
        (0.7, (0.115, 0.165, 0.045)),
    )
    t.pbr(col, 0.9, t.bump(f, 0.9, 0.03), spec=0.15)


def _gravel(t, r=0.52, g=0.475, b=0.40):
    w = t.where()
    v = t("TexVoronoi", Vector=w, Scale=42.0)
    n = t.noise(w, 0.5, 4)
    col = t.mix(
        0.6,
        t.mix(t.span(n, 0.35, 0.65), (r * 0.82, g * 0.8, b * 0.78), (r, g, b)),
        t.ramp(t("SeparateColor", Color=v.outputs[1]).outputs[0], (0.0, 0.55), (1.0, 1.15)),
        "MULTIPLY",
    )
    t.pbr(col, 0.92, t.bump(t.math("SUBTRACT", 1.0, v.outputs[0]), 0.9, 0.02), spec=0.15)


def _leaf(t, r=0.07, g=0.13, b=0.03, gloss=0.45, vary=0.5):
    rnd = t("ObjectInfo").outputs["Random"]
    isl = t("NewGeometry").outputs["Random Per Island"]
    tone = t.math("ADD", t.math("MULTIPLY", rnd, 0.35), t.math("MULTIPLY", isl, 0.65))
    col = t.ramp(
        tone,
        (0.0, (r * (1 - vary * 0.6), g * (1 - vary * 0.55), b * (1 - vary * 0.6))),
        (0.6, (r, g, b)),
        (1.0, (r * (1 + vary * 0.9), g * (1 + vary * 0.6), b * (1 + vary * 0.5))),
    )
    p = t("BsdfPrincipled", Base_Color=col, Roughness=gloss)
    t.put(p, "Specular IOR Level", 0.35)
    tr = t("BsdfTranslucent", Color=t.mix(1.0, col, (1.5, 1.6, 0.8), "MULTIPLY"))
    m = t("MixShader", Fac=0.32)
    t.tree.links.new(p.outputs[0], m.inputs[1])
    t.tree.links.new(tr.outputs[0], m.inputs[2])
    t.surface(m)


def _bark(t, r=0.17, g=0.135, b=0.10):
    w = t.where((9, 9, 2.2))
    n = t.noise(w, 2.0, 7, 0.68, 0.8)
    t.pbr(
        t.ramp(n, (0.3, (r * 0.45, g * 0.45, b * 0.45)), (0.7, (r * 1.25, g * 1.25, b * 1.25))),
        0.95,
        t.bump(n, 0.9, 0.03),
        spec=0.1,
    )


def _soil(t):
    n = t.noise(t.where(), 30.0, 6, 0.7)
    t.pbr(t.ramp(n, (0.3, (0.02, 0.014, 0.009)), (0.7, (0.075, 0.052, 0.034))), 1.0, t.bump(n, 1.0, 0.03), spec=0.05)


# --- things --------------------------------------------------------------------------
def _books(t):
    """Book covers, one tone an island."""
    isl = t("NewGeometry").outputs["Random Per Island"]
    col = t.ramp(
        isl,
        (0.0, (0.62, 0.58, 0.50)),
        (0.2, (0.10, 0.13, 0.17)),
        (0.35, (0.70, 0.67, 0.61)),
        (0.5, (0.30, 0.13, 0.08)),
        (0.62, (0.52, 0.45, 0.34)),
        (0.75, (0.14, 0.17, 0.13)),
        (0.88, (0.78, 0.76, 0.72)),
        interpolation="CONSTANT",
    )
    t.pbr(col, 0.6)


def _art(t, style=0):
    """Abstract paintings."""
    w = t.where(source="Generated")
    if style == 0:  # sea and sky in broad washes
        sep = t("SeparateXYZ", Vector=w)
        n = t.noise(w, 2.2, 8, 0.6, 1.2)
        y = t.math("ADD", sep.outputs[2], t.math("MULTIPLY", t.math("SUBTRACT", n, 0.5), 0.55))
        col = t.ramp(
            y,
            (0.12, (0.62, 0.52, 0.40)),
            (0.3, (0.72, 0.68, 0.60)),
            (0.42, (0.10, 0.20, 0.26)),
            (0.52, (0.22, 0.38, 0.43)),
            (0.62, (0.75, 0.72, 0.66)),
            (0.9, (0.82, 0.80, 0.76)),
        )
    elif style == 1:  # ink arcs on paper
        n = t(
            "TexWave", {"wave_type": "RINGS"}, Vector=w, Scale=0.9, Distortion=6.0, Detail=3.0, Detail_Scale=0.8
        ).outputs[1]
        col = t.ramp(
            n,
            (0.0, (0.035, 0.03, 0.03)),
            (0.16, (0.05, 0.045, 0.04)),
            (0.22, (0.74, 0.70, 0.63)),
            (0.8, (0.78, 0.75, 0.69)),
            (0.86, (0.55, 0.30, 0.16)),
            interpolation="EASE",
        )
    else:  # earth tones
        v = t("TexVoronoi", {"feature": "SMOOTH_F1"}, Vector=w, Scale=2.4, Randomness=0.9).outputs[1]
        g = t("SeparateColor", Color=v).outputs[0]
        col = t.ramp(
            g,
            (0.0, (0.70, 0.64, 0.55)),
            (0.3, (0.42, 0.24, 0.14)),
            (0.5, (0.76, 0.72, 0.66)),
            (0.7, (0.12, 0.13, 0.14)),
            (0.85, (0.60, 0.47, 0.30)),
            interpolation="CONSTANT",
        )
    c = t.noise(t.where(), 160.0, 3)
    t.pbr(col, 0.75, t.bump(c, 0.25, 0.002), spec=0.2)


def _flame(t):
    w = t.where((6, 6, 3))
    n = t.noise(w, 1.5, 3)
    em = t("Emission", Color=t.ramp(n, (0.35, (1, 0.18, 0.02)), (0.65, (1, 0.55, 0.15))), Strength=14.0)
    clear = t("BsdfTransparent")
    m = t("MixShader", Fac=t.span(n, 0.38, 0.6))
    t.tree.links.new(clear.outputs[0], m.inputs[1])
    t.tree.links.new(em.outputs[0], m.inputs[2])
    t.surface(m)
