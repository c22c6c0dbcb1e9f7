import importlib.util
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "benchmarks" / "camera_truth.py"
SIZE = (640, 360)
INSTANTS = 5  # the listing has eight; five are enough to see


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("camera_truth_of_the_benchmarks", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scenery(width=1200, height=800):
    """A picture with edges and flat parts of all sizes."""
    rng = np.random.default_rng(4)
    picture = np.full((height, width, 3), 170, np.uint8)
    for _ in range(2600):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        w, h = (int(each) for each in rng.integers(6, 60, 2))
        colour = [int(each) for each in rng.integers(0, 255, 3)]
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.2)


def seen_from(picture, t, *, travel_px=90.0, zoom=0.04, pan_px=0.0):
    """What a camera sees at the fraction t of a move to the right and forward."""
    scale = 1.0 + zoom * t
    left, top = 280 + travel_px * t + pan_px, 220
    matrix = np.float32([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return cv2.warpAffine(picture, matrix, SIZE, flags=cv2.INTER_LINEAR)


@pytest.fixture(scope="module")
def truth():
    picture = scenery()
    return [seen_from(picture, k / (INSTANTS - 1)) for k in range(INSTANTS)]


def dissolve(frames):
    first, last = frames[0].astype(np.float32), frames[-1].astype(np.float32)
    return [(first * (1 - k / (INSTANTS - 1)) + last * k / (INSTANTS - 1)).astype(np.uint8) for k in range(INSTANTS)]


def write_clip(path, frames):
    with av.open(str(path), "w") as box:
        stream = box.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.options = *SIZE, "yuv420p", {"crf": "12"}
        for frame in frames:
            box.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        box.mux(stream.encode())


def listing_of(folder, frames, scene="1-arrival"):
    """Truth frames, their JSON and the two photos, as the example listing has them."""
    (folder / "truth").mkdir()
    instants = []
    for k, frame in enumerate(frames):
        cv2.imwrite(str(folder / "truth" / f"{scene}-{k}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
        instants.append({"t": k / (INSTANTS - 1), "frame": f"{scene}-{k}.jpg", "position_m": [0.1 * k, 0.0, 1.3]})
    for name, frame in (("a.jpg", frames[0]), ("b.jpg", frames[-1])):
        high = round(SIZE[0] * 2 / 3)
        margin = (high - SIZE[1]) // 2
        photo = cv2.copyMakeBorder(frame, margin, high - SIZE[1] - margin, 0, 0, cv2.BORDER_REFLECT)
        cv2.imwrite(str(folder / name), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
    told = {"scene": scene, "first_photo": "a.jpg", "last_photo": "b.jpg", "instants": instants}
    (folder / "truth" / f"{scene}.json").write_text(json.dumps(told))
    return folder


def test_the_truth_itself_scores_as_true(bench, truth):
    found = bench.score(truth, truth)
    assert found["ssim_inside"] > 0.98
    assert found["direction"] > 0.98
    assert found["amount"] == pytest.approx(1.0, abs=0.02)
    assert found["pace"][0] == pytest.approx(0.0, abs=0.02)
    assert found["pace"][-1] == pytest.approx(1.0, abs=0.02)


def test_a_dissolve_ghosts_between_its_ends(bench, truth):
    found = bench.score(dissolve(truth), truth)
    assert found["ssim"][0] > 0.98
    assert found["ssim"][-1] > 0.98
    assert found["ssim_inside"] < 0.9


@pytest.mark.parametrize(
    ("frames_of", "direction", "amount"),
    [
        pytest.param(lambda p, t: seen_from(p, t / 2), (0.9, 1.0), (0.4, 0.6), id="half-the-move"),
        pytest.param(lambda p, t: seen_from(p, -t), (-1.0, -0.8), (0.7, 1.3), id="the-other-way"),
        pytest.param(lambda p, _: seen_from(p, 0), (-0.2, 0.2), (0.0, 0.05), id="a-still"),
    ],
)
def test_direction_and_amount_say_how_the_camera_went(bench, truth, frames_of, direction, amount):
    picture = scenery()
    found = bench.compare_motion([frames_of(picture, k / (INSTANTS - 1)) for k in range(INSTANTS)], truth)
    assert direction[0] <= found[0] <= direction[1]
    assert amount[0] <= found[1] <= amount[1]


def test_a_clip_framed_and_paced_otherwise_is_aligned_first(bench, truth):
    other = seen_from(scenery(), 0.9, pan_px=-14.0)
    assert bench.ssim(bench.grey(other), bench.grey(truth[2]), np.ones((SIZE[1], SIZE[0]), bool)) < 0.6
    assert bench.aligned_ssim(other, truth[2], bench.align(other, truth[2])) > 0.9


def test_too_little_in_common_counts_as_nothing(bench, truth):
    far = np.float32([[1, 0, 400], [0, 1, 0], [0, 0, 1]])
    assert bench.aligned_ssim(truth[0], truth[0], far) == 0.0


@pytest.mark.parametrize(("make", "code"), [(lambda frames: frames, 0), (dissolve, 1)], ids=["camera", "dissolve"])
def test_the_exit_code_says_whether_every_scene_beats_the_dissolve(
    bench, truth, tmp_path, monkeypatch, capsys, make, code
):
    folder = listing_of(tmp_path, truth)
    monkeypatch.setattr(bench, "LISTING", folder)
    write_clip(tmp_path / "1-arrival.mp4", make(truth))
    arguments = ["--clip-dir", str(tmp_path), "--truth", str(folder / "truth"), "--json", str(tmp_path / "out.json")]
    assert bench.main(arguments) == code
    assert ("NOT better in 1-arrival" in capsys.readouterr().out) == bool(code)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["beats_dissolve"] is (code == 0)
    assert written["scenes"][0]["path_m"] == pytest.approx(0.4)


@pytest.mark.parametrize("lost", ["1-arrival.mp4", "truth/1-arrival-3.jpg", "b.jpg", "truth/1-arrival.json"])
def test_a_missing_file_is_named(bench, truth, tmp_path, monkeypatch, capsys, lost):
    folder = listing_of(tmp_path, truth)
    monkeypatch.setattr(bench, "LISTING", folder)
    write_clip(tmp_path / "1-arrival.mp4", truth)
    (tmp_path / lost).unlink()
    assert bench.main(["--clip-dir", str(tmp_path), "--truth", str(folder / "truth")]) == 2
    assert capsys.readouterr().err.startswith("camera_truth: ")
