"""Photograph the villa: `python render.py --camera all`.

Belongs here: putting the scene together, camera and Cycles settings, the command line.
Does not belong here: anything about what the scene contains or where cameras stand.

The same view with the same size and samples gives the same picture (fixed seed). A picture that
exists is left alone unless --force is given. While a file named in VILLA_PAUSE exists, no new
picture is begun.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from pathlib import Path

import bpy
import cameras
import garden
import house
import imperfect
import light
import materials
from mathutils import Euler

HERE = Path(__file__).resolve().parent
LISTING = HERE.parent.parent / "examples" / "listings" / "villa-aurora"


def build():
    """Model everything into an empty Blender file."""
    import addon_utils
    import furniture

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("cycles")
    materials.reset()
    garden._KINDS.clear()
    house.build()
    garden.build()
    light.build()
    furniture.build()
    for obj in bpy.context.scene.objects:
        if (
            obj.type == "MESH"
            and obj.data.materials
            and obj.data.materials[0]
            and obj.data.materials[0].name.startswith(("glass", "pool_water", "sheer"))
        ):
            obj.visible_shadow = obj.data.materials[0].name.startswith("sheer")


def settings(width, height, samples, denoise=True):
    """Cycles on the processor, with the settings every picture shares."""
    sc = bpy.context.scene
    sc.render.engine = "CYCLES"
    sc.render.resolution_x, sc.render.resolution_y, sc.render.resolution_percentage = width, height, 100
    sc.render.use_persistent_data = True
    sc.render.threads_mode = "AUTO"
    c = sc.cycles
    c.device = "CPU"
    c.seed = 7
    c.samples = samples
    c.use_adaptive_sampling = True
    c.adaptive_threshold = 0.03
    c.adaptive_min_samples = max(6, samples // 3)
    c.max_bounces, c.diffuse_bounces, c.glossy_bounces, c.transmission_bounces, c.transparent_max_bounces = (
        6,
        3,
        3,
        4,
        16,
    )
    c.sample_clamp_indirect = 3.0
    c.sample_clamp_direct = 0.0
    c.blur_glossy = 1.0
    c.caustics_reflective = c.caustics_refractive = False
    c.use_light_tree = True
    c.use_denoising = denoise
    c.denoiser = "OPENIMAGEDENOISE"
    c.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    c.denoising_prefilter = os.environ.get("VILLA_PREFILTER", "ACCURATE")
    c.denoising_quality = "HIGH"
    sc.view_settings.view_transform = "AgX"
    sc.view_settings.look = "AgX - Medium High Contrast"
    sc.display_settings.display_device = "sRGB"
    sc.render.image_settings.file_format = "PNG"
    sc.render.image_settings.color_mode = "RGB"
    sc.render.image_settings.compression = 15


def aim(view, width, height):
    """Place the camera, the hour and the exposure of a view."""
    sc = bpy.context.scene
    cam = bpy.data.objects.get("camera")
    if cam is None:
        data = bpy.data.cameras.new("camera")
        cam = bpy.data.objects.new("camera", data)
        sc.collection.objects.link(cam)
    sc.camera = cam
    cam.location = view.at
    cam.rotation_euler = Euler((math.radians(90 + view.pitch_deg), 0, math.radians(-view.heading_deg)))
    cam.data.sensor_width, cam.data.sensor_fit = 36, "AUTO"
    cam.data.lens = view.lens_mm
    cam.data.shift_x, cam.data.shift_y = view.shift
    cam.data.clip_end, cam.data.clip_start = 30000, 0.02
    cam.data.dof.use_dof = view.focus_m > 0
    if view.focus_m:
        cam.data.dof.focus_distance, cam.data.dof.aperture_fstop = view.focus_m, view.fstop
    light.mood(view.mood, view.sky, view.lamps, view.fill, view.sun[1], view.sun[0])
    light.only_for(view.room, view.mood)
    for coll in bpy.data.collections:
        if coll.name in view.hide:
            coll.hide_render = True
        elif coll.name != "pool-lights":
            coll.hide_render = False
    sc.view_settings.exposure = view.exposure_ev
    sc.render.resolution_x, sc.render.resolution_y = (height, width) if view.portrait else (width, height)


def wait_while_paused():
    """Hold on while the pause file exists."""
    flags = os.environ.get("VILLA_PAUSE", "").split(os.pathsep)
    while any(flag and os.path.exists(flag) for flag in flags):
        time.sleep(5)


def photograph(view, width, height, out, quality=90, taken=None):
    """Render one view to a JPEG file; returns seconds taken."""
    started = time.time()
    aim(view, width, height)
    with tempfile.TemporaryDirectory() as tmp:
        png = os.path.join(tmp, "x.png")
        bpy.context.scene.render.filepath = png
        bpy.ops.render.render(write_still=True)
        imperfect.write_jpeg(imperfect.finish(png), out, quality, imperfect.exif_for(view) if taken is None else taken)
    return time.time() - started


def main(argv=None):
    """Parse the command line and render."""
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--camera", default="all", help="a view's name, several with commas, or all")
    ap.add_argument("--size", default="2400x1600")
    ap.add_argument("--samples", type=int, help="a pixel; without it as many as each view asks for")
    ap.add_argument("--out", default=str(LISTING))
    ap.add_argument("--quality", type=int, default=90)
    ap.add_argument("--force", action="store_true")
    ap.add_argument("--by-name", action="store_true", help="name files after the view, not as the listing does")
    args = ap.parse_args(argv)
    width, height = map(int, args.size.lower().split("x"))
    views = cameras.by_name()
    names = list(views) if args.camera == "all" else args.camera.split(",")
    unknown = [n for n in names if n not in views]
    if unknown:
        ap.error(f"no such camera: {', '.join(unknown)}; there are: {', '.join(views)}")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    todo = [(views[n], out / (n + ".jpg" if args.by_name else views[n].file)) for n in names]
    todo = [(v, f) for v, f in todo if args.force or not f.exists()]
    if todo:
        t = time.time()
        build()
        print(f"built in {time.time() - t:.0f} s", flush=True)
        settings(width, height, args.samples or cameras.View.samples)
    for view, target in todo:
        wait_while_paused()
        bpy.context.scene.cycles.samples = args.samples or view.samples
        print(
            f"{time.strftime('%H:%M:%S')} {view.name} -> {target.name}: {photograph(view, width, height, target, args.quality):.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
