"""Whole packages through the graph: what is in them, what they prove, what they cost the second time, what stops them.

Engines are fakes, media are real. Films are of two scenes of two seconds whose pictures jump, so that there is no cut
at half pace and a package takes seconds. Their camera is called "local jumps": it draws without a model, yet is not the
local camera, whose clips play slower drawn from their photographs (``test_scene_sources.py``).
"""

import itertools
import json
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
from PIL import Image

from luxvid_pipeline.domain.errors import NotDeliverableError
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.proof import SourceType, explain, gaps
from luxvid_pipeline.io_managers.manifests import manifest_key
from luxvid_pipeline.media.encode import ClipWriter
from luxvid_pipeline.media.measures.delivery import inspect_file
from luxvid_pipeline.media.provenance import read_mark, read_signature
from luxvid_pipeline_tests.certificates import write_signer
from luxvid_pipeline_tests.conftest import open_studio
from luxvid_pipeline_tests.fakes import FakeSelector
from luxvid_pipeline_tests.studio import Studio

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

SHOWN = ("1-arrival", "7-farewell")
JUMPS = "local jumps"
LEFT_OUT = ("2-bedroom", "3-vanity", "4-bath", "5-living", "6-lifestyle")
FILM = "villa-test_4s_16x9_unbranded_1080p.mp4"
BRANDED = "villa-test_9s_16x9_branded_1080p.mp4"
URL = "https://media.example.com/films"
QUIET = """title: Villa Test
film: {clip_seconds: 2, captions: false}
address: 12 Cliff Road
client: marlowe-homes
brand:
  colors: ["#0B2545"]
  agent: {name: Elena Marlowe, brokerage: Marlowe Homes, phone: "+1 310 555 0142"}
"""


@dataclass
class Delivered:
    """A studio whose listing is delivered, and where its package lies."""

    studio: Studio

    @property
    def folder(self) -> Path:
        return self.studio.store.workshop("delivery_package/villa-test")

    @property
    def manifest(self):
        return json.loads((self.folder / "manifest.json").read_text())

    @property
    def files(self):
        return json.loads((self.folder / "package.json").read_text())["files"]

    def path(self, name: str) -> Path:
        return self.folder / name


def deliver(studio: Studio, **options):
    return studio.run("deliver_listing_job", **options)


def say(studio: Studio, **fields) -> None:
    """Change what the listing says of itself."""
    key = manifest_key(studio.listing)
    values = json.loads(studio.store.read_bytes(key))
    studio.store.put_bytes(json.dumps({**values, **fields}).encode(), key)


def made_studio(base: Path, clip: Path, photos: Path, manifest: str, engine: str) -> Studio:
    folder = shutil.copytree(photos, base / "villa")
    (folder / "listing.yaml").write_text(manifest)
    studio = open_studio(base, clip)
    studio.overrides["pair_selector"] = FakeSelector(leave_out=LEFT_OUT)
    studio.overrides["clip_generator"].engine = engine
    studio.overrides["clip_generator"].cost_usd = 0.0 if engine == JUMPS else 0.4
    studio.overrides["score_composer"].engine = "local"
    return studio


def draw_jumps(into: Path, seed: int) -> Path:
    """Two seconds in which every frame has other large squares."""
    dice = np.random.default_rng(seed)
    with ClipWriter(into, FULL_HD) as writer:
        for _ in range(60):
            frame = writer.buffer()
            frame[:] = 128
            frame[:1080] = np.kron(dice.integers(60, 190, (3, 4), dtype=np.uint8), np.ones((360, 480), np.uint8))
            writer.write(frame)
    return into


@pytest.fixture(scope="module")
def jumps(tmp_path_factory):
    return draw_jumps(tmp_path_factory.mktemp("clip") / "jumps.mp4", 1)


@pytest.fixture(scope="module")
def local_home(tmp_path_factory, eight_photos, jumps):
    """A branded package of photographs alone, in one shape."""
    base = tmp_path_factory.mktemp("local")
    studio = made_studio(base, jumps, eight_photos, QUIET, JUMPS)
    with studio.instance:
        studio.add(base / "villa")
        for step in (studio.direct, studio.shoot, studio.score, studio.assemble):
            step()
        deliver(studio)
    return base


@pytest.fixture(scope="module")
def local(local_home, jumps):
    studio = open_studio(local_home, jumps)
    with studio.instance:
        yield Delivered(studio)


@pytest.fixture
def again(local_home, jumps, tmp_path):
    """A copy of that package's home, to be worked on."""
    shutil.copytree(local_home, tmp_path / "studio")
    studio = open_studio(tmp_path / "studio", jumps)
    studio.overrides["pair_selector"] = FakeSelector(leave_out=LEFT_OUT)
    studio.overrides["clip_generator"].engine = JUMPS
    studio.overrides["score_composer"].engine = "local"
    with studio.instance:
        yield Delivered(studio)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory, eight_photos, jumps):
    """An unbranded, signed package whose pictures a model drew, with the line in the picture."""
    base = tmp_path_factory.mktemp("hosted")
    manifest = "title: Villa Test\nfilm: {clip_seconds: 2, disclosure_line: true}\n"
    studio = made_studio(base, jumps, eight_photos, manifest, "fake/camera")
    signer = write_signer(base)
    studio.environment = {
        "LUXVID_DISCLOSURE_URL": URL,
        "LUXVID_C2PA_CERTIFICATES": str(signer.certificates),
        "LUXVID_C2PA_KEY": str(signer.key),
    }
    with studio.instance:
        studio.add(base / "villa")
        for step in (studio.direct, studio.shoot, studio.score, studio.assemble):
            step()
        deliver(studio)
        yield Delivered(studio)


# --- What is in it ----------------------------------------------------------------------------------------------------


def test_a_package_holds_what_a_marketing_team_uploads(local):
    names = set(local.files)
    sizes = {f"{size}p" for size in (1080, 720, 480)}
    assert {f"villa-test_4s_16x9_unbranded_{size}.mp4" for size in sizes} <= names
    assert {f"villa-test_9s_16x9_branded_{size}.mp4" for size in sizes} <= names
    assert {"villa-test_poster_16x9.jpg", "villa-test_teaser_4s_16x9.mp4", "villa-test_teaser_4s_16x9.webp"} <= names
    assert {f"villa-test_4s_16x9_unbranded_hls/{name}" for name in ("master.m3u8", "720p.m3u8", "720p.mp4")} <= names
    assert {"manifest.json", "villa-test.edl", "villa-test.otio", "clips/score.flac"} <= names
    assert {f"clips/{scene}.mp4" for scene in SHOWN} <= names
    assert all(local.path(name).stat().st_size == told["bytes"] for name, told in local.files.items())


def test_every_film_is_what_platforms_take_and_as_long_as_planned(local):
    films = {name: told for name, told in local.files.items() if told["kind"] == "film"}
    assert {told["against_table"] for told in films.values()} == {"right"}
    for name, told in films.items():
        assert inspect_file(local.path(name)).picture.frames == round(told["duration_s"] * 30)
        assert abs(told["loudness_lufs"] + 14) <= 1


def test_the_card_stands_longer_than_four_seconds(local):
    (card,) = [shown for shown in local.files[BRANDED]["shows"] if shown["scene"] == "card"]
    assert card["frames"] / 30 - 0.5 >= 4


def test_the_wide_unbranded_film_is_the_film(local):
    film = local.studio.store.open("property_video/villa-test/film.mp4")
    assert local.path(FILM).read_bytes() == film.read_bytes()


def test_the_small_teaser_is_told_in_its_own_frames(local):
    name = "villa-test_teaser_4s_16x9.webp"
    (told,) = [file for file in local.manifest["files"] if file["file"] == name]
    with Image.open(local.path(name)) as moving:
        moving.load()
        assert Fraction(told["fps"]) == Fraction(1000, moving.info["duration"])
        assert told["duration_s"] * float(Fraction(told["fps"])) == moving.n_frames
    assert [told["segments"][0]["from_s"], told["segments"][-1]["to_s"]] == [0.0, told["duration_s"]]


def test_the_stream_plays_from_its_playlist(local):
    with av.open(str(local.path("villa-test_4s_16x9_unbranded_hls/master.m3u8"))) as container:
        heights = {stream.height for stream in container.streams.video}
    assert heights == {1080, 720, 480}


# --- What it proves ---------------------------------------------------------------------------------------------------


def test_all_checks_of_a_package_are_recorded_with_their_figures(again):
    result = deliver(again.studio)
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert all(each.passed for each in checks.values())
    assert {name for name, each in checks.items() if each.blocking} == {
        "package_is_what_platforms_take",
        "unbranded_files_name_nobody",
        "manifest_covers_every_second",
        "altered_views_are_marked",
    }
    assert checks["manifest_covers_every_second"].metadata["seconds"].value > 50


def test_the_manifest_explains_every_second_of_every_file(local):
    document = local.manifest
    assert gaps(document) == ()
    told = explain(document, BRANDED, 3)
    assert [scene["scene"] for scene in told["scenes"]] == ["7-farewell"]
    (photo,) = told["scenes"][0]["photos"]
    assert photo["file"].startswith("IMG_")
    assert len(photo["sha256"]) == 64
    assert (told["scenes"][0]["reason"], told["scenes"][0]["chosen_by"]) == ("it is the one", "local")
    assert explain(document, BRANDED, 8)["scenes"] == [{"scene": "card"}]
    assert {file["file"] for file in document["files"]} | {"manifest.json", "villa-test.edl", "villa-test.otio"} == set(
        local.files
    )


def test_a_film_of_photographs_says_that_no_pixel_was_generated(local):
    assert local.manifest["generated"] is False
    assert local.manifest["statement"].startswith("No pixel of this film was generated")
    assert not local.path("disclosure").exists()
    assert read_mark(local.path(FILM)) is None
    assert local.studio.latest("delivery_package")["generated"] is False


def test_an_editor_finds_every_clip_beside_the_cut(local):
    timeline = otio.adapters.read_from_file(str(local.path("villa-test.otio")))
    clips = list(timeline.find_clips())
    assert [clip.name for clip in clips] == [*SHOWN, "score"]
    for clip in clips:
        assert local.path(clip.media_reference.target_url).is_file()
    picture = timeline.video_tracks()[0]
    assert picture.duration().to_frames() == 120
    events = [line for line in local.path("villa-test.edl").read_text().splitlines() if line[:3].isdigit()]
    assert [line.split()[1:4] for line in events] == [
        ["1ARRIVAL", "V", "C"],
        ["7FAREWEL", "V", "C"],
        ["SCORE", "AA", "C"],
    ]


# --- What it costs the second time ------------------------------------------------------------------------------------


def test_making_it_again_encodes_nothing_and_changes_no_byte(again):
    before = again.files
    deliver(again.studio)
    told = again.studio.latest("delivery_package")
    assert told["frames_encoded"] == 0
    assert told["reused"] is True
    assert again.files == before


def test_a_scene_that_was_shot_again_makes_only_what_shows_it(again, tmp_path):
    parts = again.folder / "parts"
    untouched = {part: part.stat().st_mtime_ns for part in parts.glob("1-arrival_*.mp4")}
    assert untouched
    studio = again.studio
    studio.overrides["clip_generator"].clip = draw_jumps(tmp_path / "other.mp4", 2)
    studio.store.remove("scene_clips/villa-test/7-farewell.mp4")
    for step in (studio.shoot, studio.score, studio.assemble):
        step()
    deliver(studio)
    assert {part: part.stat().st_mtime_ns for part in untouched} == untouched
    told = studio.latest("delivery_package")
    own = [part for part in parts.glob("*.mp4") if part.name.startswith(("7-farewell", "card"))]
    assert told["frames_encoded"] == sum(inspect_file(part).picture.frames for part in own)


# --- What was generated is said ---------------------------------------------------------------------------------------


def test_what_a_model_drew_is_marked_and_signed_in_every_file_and_nowhere_else(hosted):
    marked = 0
    for name, told in hosted.files.items():
        if Path(name).suffix not in {".mp4", ".jpg", ".webp"}:
            continue
        marked += 1
        assert SourceType.GENERATED.value.encode() in read_mark(hosted.path(name)), name
        if told["kind"] != "stream":
            assert read_signature(hosted.path(name)) is not None, name
    assert marked == 11
    assert read_mark(hosted.studio.store.open("property_video/villa-test/film.mp4")) is None
    assert read_mark(hosted.studio.store.open("scene_clips/villa-test/1-arrival.mp4")) is None
    assert {told["against_table"] for told in hosted.files.values() if told["kind"] == "film"} == {"right"}


def test_the_page_of_originals_stands_beside_a_generated_film(hosted):
    page = hosted.path("disclosure/index.html").read_text()
    assert page.count('class="altered"') == 2
    assert page.count('class="original"') == 2
    assert page.count("data:image/jpeg;base64,") == 4
    assert f"{URL}/villa-test" in page
    assert "digitally altered" in hosted.path("disclosure/statement.txt").read_text()
    assert hosted.path("disclosure/qr.svg").is_file()


def test_the_manifest_says_who_drew_it_and_what_it_cost(hosted):
    told = explain(hosted.manifest, FILM, 0)["scenes"][0]
    assert told["engine"] == "fake/camera"
    assert told["generated"] is True
    assert told["prompt"]
    assert hosted.manifest["cost_usd"] == pytest.approx(0.8)


def test_an_unbranded_file_shows_no_address(hosted):
    for name in (FILM, "villa-test_poster_16x9.jpg"):
        assert b"media.example.com" not in hosted.path(name).read_bytes()


def test_the_line_in_the_picture_stands_over_the_whole_of_an_altered_scene(hosted, jumps):
    def corner(path, number):
        with av.open(str(path)) as container:
            frame = next(itertools.islice(container.decode(video=0), number, None))
        return frame.to_ndarray(format="gray")[40:110, 90:700].astype(float)

    for number in (0, 59):
        assert abs(corner(hosted.path(FILM), number) - corner(jumps, number)).mean() > 4


# --- What stops it ----------------------------------------------------------------------------------------------------


def refused(delivered, told):
    """Deliver what must not go out: it says why, the check has failed, nothing is listed."""
    with pytest.raises(NotDeliverableError, match=told):
        deliver(delivered.studio)
    assert not (delivered.folder / "package.json").exists()
    records = delivered.studio.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [key for key in delivered.studio.defs().resolve_asset_graph().asset_check_keys if "nobody" in key.name]
    )
    assert [record.status.value for record in records.values()] == ["FAILED"]


def test_an_unbranded_file_that_names_somebody_stops_the_package(again):
    say(again.studio, client="VideoHandler")  # which every MP4 says of its picture track
    refused(again, r"unbranded_files_name_nobody.*villa-test_4s_16x9_unbranded")


def test_a_name_in_the_files_names_stops_it_before_anything_is_encoded(again):
    say(again.studio, client="Villa-Test")
    shutil.rmtree(again.folder / "parts")
    refused(again, r"unbranded_files_name_nobody.*villa-test_4s_16x9_unb.*--listing")
    assert not list((again.folder / "parts").glob("*.mp4"))
