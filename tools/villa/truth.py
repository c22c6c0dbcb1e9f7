"""Ground truth: what a real camera would have seen between the two photographs of each scene.

Belongs here: the path between a scene's two views at eight equidistant instants, written as JSON, and the eight frames.
Does not belong here: comparing anything with them (benchmarks/camera_truth.py does).

A frame is 640x360. It is rendered with the photograph's own lens, shift and sensor width of 36 mm, so it shows exactly
the photograph's middle 16:9: of a 2400x1600 photograph the rows 125 to 1475, scaled by 640/2400.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import cameras

INSTANTS = 8
SIZE = (640, 360)


def between(a, b, t):
    """The view at the fraction t of the way from a to b; position, heading, lens and shift move linearly."""
    mix = lambda p, q: p + (q - p) * t
    return replace(
        a,
        name=f"{a.name}-{t:.4f}",
        at=tuple(mix(p, q) for p, q in zip(a.at, b.at)),
        heading_deg=mix(a.heading_deg, b.heading_deg),
        pitch_deg=mix(a.pitch_deg, b.pitch_deg),
        lens_mm=mix(a.lens_mm, b.lens_mm),
        shift=tuple(mix(p, q) for p, q in zip(a.shift, b.shift)),
        exposure_ev=mix(a.exposure_ev, b.exposure_ev),
    )


def path_of(scene):
    """The camera path of a scene as a plain dictionary (metres, degrees, millimetres)."""
    a, b = (cameras.by_name()[n] for n in cameras.PAIRS[scene])
    out = []
    for k in range(INSTANTS):
        v = between(a, b, k / (INSTANTS - 1))
        out.append(
            {
                "t": round(k / (INSTANTS - 1), 6),
                "frame": f"{scene}-{k}.jpg",
                "position_m": [round(x, 4) for x in v.at],
                "rotation_deg": {"heading": round(v.heading_deg, 4), "pitch": round(v.pitch_deg, 4), "roll": 0.0},
                "lens_mm": round(v.lens_mm, 4),
                "shift": [round(x, 5) for x in v.shift],
            }
        )
    return {
        "scene": scene,
        "first_photo": a.file,
        "last_photo": b.file,
        "sensor_width_mm": 36.0,
        "axes": "x east, y north, z up, in metres; heading is a compass bearing (0 looks along +y, 90 along +x); pitch is positive upwards",
        "shift_unit": "fraction of the frame's width; positive x moves the picture's middle right, positive y up",
        "frame_size_px": list(SIZE),
        "frame_of_photo": {"photo_size_px": [2400, 1600], "rows_px": [125, 1475], "scale": SIZE[0] / 2400},
        "instants": out,
    }


def main(argv=None):
    """Write every scene's JSON and render its frames."""
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--scene", default="all")
    ap.add_argument("--samples", type=int, default=5)
    ap.add_argument("--quality", type=int, default=92)
    ap.add_argument("--json-only", action="store_true")
    ap.add_argument("--force", action="store_true")
    args = ap.parse_args(argv)
    import render

    out = render.LISTING / "truth"
    out.mkdir(parents=True, exist_ok=True)
    scenes = list(cameras.PAIRS) if args.scene == "all" else args.scene.split(",")
    ready = False
    for scene in scenes:
        path = path_of(scene)
        (out / f"{scene}.json").write_text(json.dumps(path, indent=1) + "\n")
        if args.json_only:
            continue
        a, b = (cameras.by_name()[n] for n in cameras.PAIRS[scene])
        for k in range(INSTANTS):
            target = out / f"{scene}-{k}.jpg"
            if target.exists() and not args.force:
                continue
            render.wait_while_paused()
            if not ready:
                render.build()
                render.settings(*SIZE, args.samples)
                ready = True
            took = render.photograph(between(a, b, k / (INSTANTS - 1)), *SIZE, target, args.quality, taken=False)
            print(f"{time.strftime('%H:%M:%S')} {target.name}: {took:.0f} s", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
