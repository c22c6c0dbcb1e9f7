"""Compare clips with what a real camera would have seen: `python benchmarks/camera_truth.py --clip-dir DIR`.

Belongs here: decoding a scene's clip, aligning it with the rendered truth of Villa Aurora, and the same for the plain
cross-dissolve of the two photographs. Does not belong here: making clips, rendering truth (tools/villa/truth.py).

For each scene there are eight true frames, at t = 0, 1/7, ... 1 of a camera's path between the two photos. The clip
`<scene>.mp4` is read at the same fractions of its length. A clip may crop or pace itself differently, so each frame
is first aligned (homography from features, refined by ECC) and then compared:

- `ssim`: structural similarity of luma after alignment, over the part that both show, 0..1.
- `direction`: mean cosine between the picture motion since t = 0 in the clip and in the truth, -1..1.
- `amount`: size of that motion in the clip divided by its true size; 1 is right, 0 is a still.

A dissolve scores well at both ends and ghosts in between, so the verdict is taken on the six instants inside.
Exit code: 0 when the clip beats the dissolve in every scene, 1 when it does not, 2 when files are missing.
"""

import argparse
import contextlib
import json
import sys
from pathlib import Path

import av
import cv2
import numpy as np

LISTING = Path(__file__).resolve().parent.parent / "examples" / "listings" / "villa-aurora"
WIDTH_PX, HEIGHT_PX = 640, 360
MIN_MATCHES = 12
LEAST_SEEN = 0.4  # a clip may end tighter than the photograph: at 1.5 times, 44 % of the true frame is still in it
HEAD = f"{'SSIM':>8}{'dir':>7}{'amount':>8}"


def decode_at(path, fractions):
    """Frames of a clip at fractions of its length, BGR, 640x360. Reads the clip once."""
    with av.open(str(path)) as box:
        frames = list(box.decode(video=0))
        if not frames:
            raise ValueError(f"{path}: no frames")
        picks = [frames[round(t * (len(frames) - 1))] for t in fractions]
        size = (WIDTH_PX, HEIGHT_PX)
        return [cv2.resize(f.to_ndarray(format="bgr24"), size, interpolation=cv2.INTER_AREA) for f in picks]


def photo_16x9(path):
    """A photograph's middle 16:9 at the frames' size."""
    im = cv2.imread(str(path))
    if im is None:
        raise FileNotFoundError(path)
    h, w = im.shape[:2]
    keep = round(w * 9 / 16)
    top = (h - keep) // 2
    return cv2.resize(im[top : top + keep], (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)


def ssim(a, b, mask):
    """Mean structural similarity of two grey pictures (float32, 0..255) where `mask` holds."""

    def blur(x):
        return cv2.GaussianBlur(x, (11, 11), 1.5)

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    s = ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    return float(s[mask].mean()) if mask.any() else 0.0


def grey(im):
    """Luma as float32, 0..255."""
    return cv2.cvtColor(im, cv2.COLOR_BGR2GRAY).astype(np.float32)


def align(image, truth):
    """The 3x3 homography from `truth` to `image` coordinates; identity when nothing better is found."""
    best = np.eye(3, dtype=np.float32)
    sift = cv2.SIFT_create(2500)
    (ka, da), (kb, db) = (sift.detectAndCompute(grey(x).astype(np.uint8), None) for x in (truth, image))
    if da is not None and db is not None and len(ka) > MIN_MATCHES and len(kb) > MIN_MATCHES:
        pairs = [m for m, n in cv2.BFMatcher().knnMatch(da, db, k=2) if m.distance < 0.75 * n.distance]
        if len(pairs) >= MIN_MATCHES:
            here = np.float32([ka[m.queryIdx].pt for m in pairs])
            there = np.float32([kb[m.trainIdx].pt for m in pairs])
            found, _ = cv2.findHomography(here, there, cv2.RANSAC, 3.0)
            if found is not None and 0.4 < np.linalg.det(found[:2, :2]) < 2.5:
                best = found.astype(np.float32)
    candidates = [np.eye(3, dtype=np.float32), best]
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
    with contextlib.suppress(cv2.error):  # where ECC does not converge, the feature homography stands
        refined = cv2.findTransformECC(grey(truth), grey(image), best.copy(), cv2.MOTION_HOMOGRAPHY, stop, None, 5)[1]
        candidates.append(refined)
    return max(candidates, key=lambda one: aligned_ssim(image, truth, one))


def aligned_ssim(image, truth, homography):
    """SSIM where the two overlap once `image` is laid on `truth`; less than `LEAST_SEEN` of it counts as 0."""
    size, flags = (WIDTH_PX, HEIGHT_PX), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpPerspective(grey(image), homography, size, flags=flags)
    white = np.full((HEIGHT_PX, WIDTH_PX), 255, np.uint8)
    seen = cv2.warpPerspective(white, homography, size, flags=flags) > 250
    seen = cv2.erode(seen.astype(np.uint8), np.ones((9, 9))) > 0
    return ssim(laid, grey(truth), seen) if seen.mean() > LEAST_SEEN else 0.0


def motion(first, later):
    """Dense picture motion from one frame to a later one, (h, w, 2) pixels."""
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return dis.calc(grey(first).astype(np.uint8), grey(later).astype(np.uint8), None)


def compare_motion(frames, truth):
    """Direction (mean cosine) and amount (median ratio) of the motion since t = 0, over the instants inside."""
    directions, amounts = [], []
    for f, t in zip(frames[1:-1], truth[1:-1], strict=True):
        a, b = motion(frames[0], f)[20:-20, 20:-20], motion(truth[0], t)[20:-20, 20:-20]
        strong = np.linalg.norm(b, axis=2) > 0.5
        if strong.any():
            na, nb = np.linalg.norm(a[strong]), np.linalg.norm(b[strong])
            directions.append(float((a[strong] * b[strong]).sum() / (na * nb + 1e-9)))
            amounts.append(
                float(
                    np.median(np.linalg.norm(a[strong], axis=1)) / (np.median(np.linalg.norm(b[strong], axis=1)) + 1e-9)
                )
            )
    return (float(np.mean(directions)), float(np.median(amounts))) if directions else (1.0, 1.0)


def pace(frames, truth):
    """Amount of motion at each instant divided by the truth's whole motion, 0 at the start, 1 for a full move."""
    whole = np.median(np.linalg.norm(motion(truth[0], truth[-1]), axis=2)) + 1e-9
    return [float(np.median(np.linalg.norm(motion(frames[0], f), axis=2)) / whole) for f in frames]


def score(frames, truth):
    """All measures of one sequence of eight frames against the truth."""
    each = [aligned_ssim(f, t, align(f, t)) for f, t in zip(frames, truth, strict=True)]
    direction, amount = compare_motion(frames, truth)
    return {
        "ssim": [round(x, 4) for x in each],
        "ssim_inside": round(float(np.mean(each[1:-1])), 4),
        "direction": round(direction, 3),
        "amount": round(amount, 3),
        "pace": [round(x, 3) for x in pace(frames, truth)],
    }


def measure(scene_json, clip):
    """The clip of one scene, and the dissolve, against the truth. `clip` may be None: only the dissolve is measured."""
    path = json.loads(scene_json.read_text())
    truth = [cv2.imread(str(scene_json.parent / k["frame"])) for k in path["instants"]]
    if any(t is None for t in truth):
        raise FileNotFoundError(f"truth frames of {path['scene']}")
    at = [k["t"] for k in path["instants"]]
    first, last = (photo_16x9(LISTING / path[k]).astype(np.float32) for k in ("first_photo", "last_photo"))
    dissolve = [np.clip(first * (1 - t) + last * t, 0, 255).astype(np.uint8) for t in at]
    p, q = (np.array(path["instants"][k]["position_m"]) for k in (0, -1))
    return {
        "scene": path["scene"],
        "path_m": round(float(np.linalg.norm(q - p)), 3),
        "dissolve": score(dissolve, truth),
        "clip": score(decode_at(clip, at), truth) if clip else None,
    }


def cells(one):
    """The three numbers of one sequence as table cells."""
    return (
        f"{one['ssim_inside']:>8.3f}{one['direction']:>7.2f}{one['amount']:>8.2f}"
        if one
        else f"{'-':>8}{'-':>7}{'-':>8}"
    )


def main(argv=None):
    """Parse the command line, print the table, write JSON."""
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--clip-dir", type=Path, help="holds <scene>.mp4; without it only the dissolve is measured")
    ap.add_argument("--truth", type=Path, default=LISTING / "truth")
    ap.add_argument("--scene", action="append", help="only these scenes")
    ap.add_argument("--json", type=Path, help="write the measurements here")
    args = ap.parse_args(argv)
    files = sorted(f for f in args.truth.glob("*.json") if not args.scene or f.stem in args.scene)
    if not files:
        print(f"camera_truth: no scenes in {args.truth}; render them with tools/villa/truth.py", file=sys.stderr)
        return 2
    rows = []
    for f in files:
        clip = args.clip_dir / f"{f.stem}.mp4" if args.clip_dir else None
        if clip and not clip.exists():
            print(f"camera_truth: {clip} is missing", file=sys.stderr)
            return 2
        try:
            rows.append(measure(f, clip))
        except FileNotFoundError as missing:
            print(f"camera_truth: {missing} missing", file=sys.stderr)
            return 2
    print(f"{'':<22}|{'clip':^24}|{'dissolve':^24}|")
    print(f"{'scene':<14}{'path m':>7} |{HEAD} |{HEAD} | {'gain':>7}")
    for r in rows:
        gain = f"{r['clip']['ssim_inside'] - r['dissolve']['ssim_inside']:+.3f}" if r["clip"] else "-"
        print(f"{r['scene']:<14}{r['path_m']:>7.2f} |{cells(r['clip'])} |{cells(r['dissolve'])} | {gain:>7}")
    result = {"scenes": rows, "dissolve_ssim": round(float(np.mean([r["dissolve"]["ssim_inside"] for r in rows])), 4)}
    if args.clip_dir:
        result["clip_ssim"] = round(float(np.mean([r["clip"]["ssim_inside"] for r in rows])), 4)
        lost = [r["scene"] for r in rows if r["clip"]["ssim_inside"] <= r["dissolve"]["ssim_inside"]]
        result["beats_dissolve"] = not lost
        verdict = f"NOT better in {', '.join(lost)}" if lost else "better in every scene"
        print(f"mean: clip {result['clip_ssim']:.3f}, dissolve {result['dissolve_ssim']:.3f}; {verdict}")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if result.get("beats_dissolve", True) else 1


if __name__ == "__main__":
    sys.exit(main())
