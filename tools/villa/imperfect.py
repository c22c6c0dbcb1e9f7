"""What happens to a picture after it was rendered, and the flawed files that real folders contain.

Belongs here: the last touches (a little lens vignette and film grain), JPEG writing with EXIF, the blurred,
the too dark and the nearly identical photograph, the floor plan drawn from the house's own numbers.
Does not belong here: rendering.
"""

import datetime as dt

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont


def finish(png_path):
    """The rendered picture with the lens's faint vignette and a trace of sensor grain."""
    im = np.asarray(Image.open(png_path).convert("RGB")).astype(np.float32)
    h, w = im.shape[:2]
    y, x = np.mgrid[0:h, 0:w]
    full = max(h, w * 2 / 3)  # a 16:9 frame is the middle of a 3:2 picture
    r2 = ((x - w / 2) ** 2 + (y - h / 2) ** 2) / ((w / 2) ** 2 + (full / 2) ** 2)
    im *= (1 - 0.085 * r2**1.2)[..., None]
    im += np.random.default_rng(5).normal(0, 0.9, (h, w, 1)).astype(np.float32)
    return Image.fromarray(np.clip(im, 0, 255).astype(np.uint8))


def exif_for(view):
    """Plausible EXIF of a full-frame camera: model, lens, exposure, the hour that the light tells of."""
    hour = {"morning": 9, "day": 14, "golden": 18, "dusk": 20}[view.mood]
    minute = sum(map(ord, view.name)) % 60
    return exif(dt.datetime(2025, 5, 22, hour, minute, 17), view.lens_mm)


def exif(when, lens_mm=24.0):
    """An EXIF block."""
    ex = Image.Exif()
    ex[0x010F], ex[0x0110], ex[0x0131] = "LuxVid", "Villa renderer", "tools/villa"
    ex[0x0112], ex[0x0132] = 1, when.strftime("%Y:%m:%d %H:%M:%S")
    ifd = ex.get_ifd(0x8769)
    ifd[0x9003] = ifd[0x9004] = when.strftime("%Y:%m:%d %H:%M:%S")
    ifd[0x920A], ifd[0xA405] = float(lens_mm), int(round(lens_mm))
    ifd[0x829D], ifd[0x8827], ifd[0xA001] = 8.0, 100, 1
    return ex


def write_jpeg(image, target, quality=90, ex=None):
    """Write an sRGB JPEG to a temporary name, then move it into place."""
    from PIL import ImageCms

    tmp = str(target) + ".part"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp, "JPEG", quality=quality, subsampling=1, optimize=True, icc_profile=profile, exif=ex or Image.Exif())
    import os

    os.replace(tmp, target)


def _linear(im):
    return (np.asarray(im.convert("RGB")).astype(np.float32) / 255.0) ** 2.2


def _image(lin):
    return Image.fromarray((np.clip(lin, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8))


def near_duplicate(im):
    """The same picture a moment later: framed a hair tighter, a trifle brighter."""
    w, h = im.size
    dx, dy = int(w * 0.011), int(h * 0.011)
    crop = im.crop((dx, dy - 5, w - dx + 7, h - dy - 5 + 5)).resize((w, h), Image.LANCZOS)
    return _image(_linear(crop) * 1.06)


def blurred(im, pixels=46):
    """Camera shake: a bent smear of about that many pixels."""
    lin = _linear(im)
    acc, n = np.zeros_like(lin), 23
    for k in range(n):
        t = k / (n - 1) - 0.5
        acc += np.roll(lin, (int(t * pixels * 0.35 + 10 * t * t), int(t * pixels)), (0, 1))
    return _image(acc / n).filter(ImageFilter.GaussianBlur(3.2))


def too_dark(im, stops=6.4):
    """A frame whose flash did not fire: the middle of the view, underexposed by that many stops, with the noise that follows."""
    w, h = im.size
    im = im.crop((w // 12, h // 12, w - w // 12, h - h // 12)).resize((w, h), Image.LANCZOS)
    lin = _linear(im) * 2.0**-stops
    rng = np.random.default_rng(9)
    return _image(
        lin + rng.normal(0, 0.0003, lin.shape) + rng.normal(0, 0.004, lin.shape) * np.sqrt(np.maximum(lin, 0))
    )


def floor_plan(width=2400, height=1600):
    """The plan, drawn from the same walls, rooms and pool as the model."""
    import house

    s, ss = 66.0, 2  # pixels a metre at final size; supersampling
    W, H = width * ss, height * ss
    im = Image.new("RGB", (W, H), (250, 248, 244))
    d = ImageDraw.Draw(im)
    ox, oy = 790.0, 850.0  # pixel position of the plan's origin

    def P(x, y):
        return ((ox + x * s) * ss, (oy - y * s) * ss)

    def rect(x0, y0, x1, y1, **kw):
        a, b = P(x0, y1), P(x1, y0)
        d.rectangle([a, b], **kw)

    def text(x, y, t, size, fill=(40, 44, 52), anchor="mm"):
        d.text(P(x, y), t, font=ImageFont.load_default(size * ss), fill=fill, anchor=anchor)

    line = (150, 146, 138)
    rect(0, -9.6, 20.8, 0, fill=(238, 233, 223))
    rect(-8.2, -9.2, 0, -7.0, fill=(238, 233, 223))
    rect(-8.2, 7.8, 13.2, 9.2, fill=(236, 234, 228))
    x0, x1, y0, y1 = house.POOL
    rect(x0, y0, x1, y1, fill=(196, 221, 228), outline=(110, 150, 165), width=2 * ss)
    for k in range(3):
        d.line([P(x0 + 0.4 + 0.35 * k + 0.9, y0), P(x0 + 0.4 + 0.35 * k + 0.9, y1)], fill=(140, 180, 192), width=ss)
    text((x0 + x1) / 2, (y0 + y1) / 2 + 0.2, "INFINITY POOL", 26, (70, 110, 125))
    text((x0 + x1) / 2, (y0 + y1) / 2 - 0.35, "14.0 x 4.4 m", 20, (70, 110, 125))
    text(6.8, -2.4, "TERRACE", 24, (120, 112, 98))
    text(15.2, -3.9, "COVERED DINING", 20, (120, 112, 98))
    for name, (a, b, c, e, _) in house.ROOMS.items():
        rect(a, c, b, e, fill=(255, 255, 255) if name != "bathroom" else (243, 246, 246))
    rect(-0.3, 4.95, 0, 7.0, fill=(255, 255, 255))

    # furniture, lightly
    def f(x0, y0, x1, y1, r=0.06):
        a, b = P(x0, y1), P(x1, y0)
        d.rounded_rectangle([a, b], radius=r * s * ss, outline=line, width=ss + 1)

    f(2.75, 4.6, 5.85, 5.6)
    f(2.75, 1.0, 5.85, 2.0)
    f(3.35, 2.9, 4.7, 3.75)
    f(6.85, 3.7, 7.7, 4.5)
    f(6.85, 2.2, 7.7, 3.0)
    f(3.2, 7.03, 6.2, 7.47)
    f(11.06, 2.15, 12.14, 5.25)
    for dy in (-1.08, -0.36, 0.36, 1.08):
        f(10.6, 3.7 + dy - 0.22, 11.0, 3.7 + dy + 0.22)
        f(12.2, 3.7 + dy - 0.22, 12.6, 3.7 + dy + 0.22)
    f(14.5, 3.7, 17.7, 4.8)
    f(13.55, 6.88, 18.98, 7.49)
    f(15.12, 6.98, 15.68, 7.35)
    f(16.0, 6.98, 16.85, 7.4)
    f(-6.8, -5.2, -4.6, -3.3, 0.1)
    f(-6.7, -3.1, -6.3, -2.55)
    f(-6.7, -5.95, -6.3, -5.4)
    f(-4.75, -1.0 - 1.09, -3.05, -1.62)
    f(-6.12, 0.64, -5.32, 2.36, 0.38)
    f(-5.6, 3.44, -2.6, 3.98)
    for x in (-4.85, -3.35):
        d.ellipse([P(x - 0.19, 3.88), P(x + 0.19, 3.5)], outline=line, width=ss + 1)
    f(-6.98, -1.38, -3.9, -0.28, 0.01)
    f(-2.45, -1.385, -1.82, -1.0, 0.01)
    f(-6.9, 5.1, -6.2, 6.7)
    f(-2.65, 7.1, -1.15, 7.45)
    f(0, 0.12, 0.34, 4.58, 0.01)
    f(13.55, -2.82, 16.85, -1.78)
    # walls, then openings
    ink, glass = (38, 40, 46), (110, 150, 175)
    for axis, lo, hi, a, b, _, _ in house.WALLS:
        rect(*((a, lo, b, hi) if axis == "x" else (lo, a, hi, b)), fill=ink)
    rect(-7.3, -7.3, -7.0, 7.8, fill=ink)
    for axis, lo, hi, _, _, _, ops in house.WALLS:
        for a, b, sill, head in ops:
            box = (a, lo, b, hi) if axis == "x" else (lo, a, hi, b)
            window = not (
                (axis, lo) in (("x", -1.6), ("x", 4.0))
                or (axis == "x" and a == -5.1)
                or (axis == "y" and lo == -0.3 and a > 4)
            )
            rect(*box, fill=(235, 244, 248) if window else (255, 255, 255))
            if window:
                mid = (lo + hi) / 2
                ends = ((a, mid), (b, mid)) if axis == "x" else ((mid, a), (mid, b))
                d.line([P(*ends[0]), P(*ends[1])], fill=glass, width=3 * ss)
            elif axis == "x":
                r = b - a
                d.arc([P(a - r, lo + r), P(a + r, lo - r)], 0, 90, fill=line, width=ss + 1)
                d.line([P(a, lo), P(a, lo - r)], fill=line, width=ss + 1)
    for xa, ya, xb, yb in ((0, 0.05, 19, 0.05), (-7, -7, -0.3, -7)):
        d.line([P(xa, ya), P(xb, yb)], fill=glass, width=4 * ss)
    rect(13.2, 7.8, 19.3, 12.6, outline=ink, width=6 * ss)
    text(16.2, 9.8, "GARAGE", 24)
    for name, at in (
        ("living", (6.6, 6.35)),
        ("dining", (10.2, 1.0)),
        ("kitchen", (16.2, 2.2)),
        ("bedroom", (-2.6, -4.3)),
        ("bathroom", (-3.3, 1.6)),
        ("hall", (-2.3, 5.75)),
    ):
        a, b, c, e, h = house.ROOMS[name]
        text(at[0], at[1] + 0.22, {"bedroom": "PRIMARY BEDROOM", "hall": "ENTRANCE HALL"}.get(name, name.upper()), 24)
        text(at[0], at[1] - 0.28, f"{b - a:.1f} x {e - c:.1f} m", 19, (110, 110, 112))
    d.text((90 * ss, 70 * ss), "VILLA AURORA", font=ImageFont.load_default(52 * ss), fill=(20, 40, 62))
    d.text(
        (92 * ss, 140 * ss),
        "Floor plan, ground level. Dimensions are approximate.",
        font=ImageFont.load_default(24 * ss),
        fill=(110, 110, 112),
    )
    bx, by = 90 * ss, 1530 * ss
    for k in range(5):
        d.rectangle(
            [bx + k * s * ss, by, bx + (k + 1) * s * ss, by + 10 * ss],
            fill=ink if k % 2 == 0 else (255, 255, 255),
            outline=ink,
        )
    d.text((bx + 5 * s * ss + 14 * ss, by - 8 * ss), "5 m", font=ImageFont.load_default(24 * ss), fill=ink)
    nx, ny = 2280 * ss, 140 * ss
    d.polygon(
        [(nx, ny - 60 * ss), (nx - 20 * ss, ny + 20 * ss), (nx, ny + 4 * ss), (nx + 20 * ss, ny + 20 * ss)],
        fill=(20, 40, 62),
    )
    d.text((nx, ny - 80 * ss), "N", font=ImageFont.load_default(28 * ss), fill=(20, 40, 62), anchor="mm")
    return im.resize((width, height), Image.LANCZOS)


# file, made from, how, room, usable, note
FLAWED = [
    ("DSC_0421.jpg", "living-room-1.jpg", near_duplicate, "living", "no", "near-duplicate of living-room-1.jpg"),
    ("DSC_0434.jpg", "master-bath-2.jpg", blurred, "bathroom", "no", "vanity; blurred by camera shake"),
    ("DSC_0429.jpg", "DSC_0428.jpg", too_dark, "bedroom", "no", "from the bed to the sea; far too dark, the flash did not fire"),
]
PLAN = ("floor-plan.jpg", "floor_plan", "no", "drawing, not a photograph")


def label_rows(folder):
    """Rows of LABELS.csv for the pictures that exist in the folder."""
    import cameras

    rows = [(v.file, v.room, v.usable, v.note) for v in cameras.VIEWS]
    rows += [(f, room, use, note) for f, _, _, room, use, note in FLAWED] + [(PLAN[0], *PLAN[1:])]
    out = []
    for f, room, use, note in sorted(rows):
        if (folder / f).exists():
            w, h = Image.open(folder / f).size
            out.append((f, w, h, room, use, note))
    return out


def main():
    """Make the flawed files from the good ones, and LABELS.csv."""
    import csv
    from pathlib import Path

    folder = Path(__file__).resolve().parents[2] / "examples" / "listings" / "villa-aurora"
    for k, (name, source, how, *_rest) in enumerate(FLAWED):
        if (folder / source).exists() and not (folder / name).exists():
            write_jpeg(
                how(Image.open(folder / source)), folder / name, 88, exif(dt.datetime(2025, 5, 22, 15, 10 + k, 41), 24)
            )
    write_jpeg(floor_plan(), folder / PLAN[0], 90, None)
    with open(folder / "LABELS.csv", "w", newline="") as fh:
        out = csv.writer(fh, lineterminator="\n")
        out.writerow(("file", "width", "height", "room", "usable", "notes"))
        out.writerows(label_rows(folder))


if __name__ == "__main__":
    main()
