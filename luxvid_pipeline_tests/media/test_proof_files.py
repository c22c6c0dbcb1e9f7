"""Claims about the files that prove and disclose a package."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import opentimelineio as otio
import pytest
import resvg_py
from PIL import Image

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.media.proof_files import disclosure_page, qr_code, timeline_json, write_proof
from luxvid_pipeline_tests.browser import Browser
from luxvid_pipeline_tests.packages import package


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


class Page(HTMLParser):
    """What a page shows and asks for."""

    def __init__(self, text):
        super().__init__()
        self.figures, self.addresses, self.tags, self.words = [], [], set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.add(tag)
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        if tag == "figure":
            self.figures.append([values["class"], None])
        if tag == "img":
            self.figures[-1][1] = values["src"]

    def handle_data(self, data):
        self.words += data


def test_a_generated_film_gets_manifest_cut_timeline_and_disclosure(tmp_path, pictures):
    written = write_proof(tmp_path / "out", package(pictures))
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == [
        "manifest.json",
        "villa-aurora.edl",
        "villa-aurora.otio",
        "disclosure/index.html",
        "disclosure/statement.txt",
        "disclosure/qr.svg",
    ]
    assert all(path.stat().st_size for path in written)


def test_a_local_film_gets_no_disclosure_but_a_manifest_that_says_why(tmp_path):
    written = write_proof(tmp_path, package(local=True))
    assert not (tmp_path / "disclosure").exists()
    assert "No pixel of this film was generated" in json.loads(written[0].read_text())["statement"]


def test_the_same_facts_give_the_same_bytes(tmp_path, pictures):
    facts = package(pictures)
    one, other = write_proof(tmp_path / "1", facts), write_proof(tmp_path / "2", facts)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError, match="out"):
        write_proof(tmp_path / "out", package())


def test_an_editors_program_reads_the_timeline_back(tmp_path, pictures):
    write_proof(tmp_path, package(pictures))
    timeline = otio.adapters.read_from_file(str(tmp_path / "villa-aurora.otio"))
    assert timeline.duration().value == 480
    picture, score = timeline.tracks
    assert [type(item).__name__ for item in picture] == ["Clip", "Transition", "Clip", "Clip", "Clip"]
    arrival, _, living, farewell, card = picture
    assert arrival.media_reference.target_url == "clips/1-arrival.mp4"
    assert arrival.metadata["luxvid"]["seed"] == 42
    assert living.source_range.start_time.value == 7
    assert farewell.effects[0].time_scalar == pytest.approx(0.5)
    assert isinstance(card.media_reference, otio.schema.MissingReference)
    assert score.duration().value == 480


def test_the_page_shows_each_altered_view_beside_its_originals_and_asks_the_network_for_nothing(pictures):
    text = disclosure_page(package(pictures)).decode()
    page = Page(text)
    assert [kind for kind, _ in page.figures] == ["altered", "original", "original", "altered", "original"]
    for _, source in page.figures:
        data = re.fullmatch(r"data:image/jpeg;base64,(.+)", source)
        assert data
        with Image.open(io.BytesIO(base64.b64decode(data[1]))) as shown:
            assert shown.size == (320, 180)
    assert "script" not in page.tags
    assert all(
        address.startswith("data:") or address == "https://media.example.com/villa-aurora" for address in page.addresses
    )
    assert "url(" not in text
    assert "Living room" in page.words


def test_what_people_wrote_is_shown_and_never_run(pictures):
    text = disclosure_page(replace(package(pictures), title='<img src=x onerror="alert(1)">')).decode()
    page = Page(text)
    assert "Low over <rippling> water & stone" in page.words
    assert "<b>DJI.jpg" in page.words
    assert '<img src=x onerror="alert(1)">' in page.words


def test_a_picture_that_cannot_be_read_is_said_on_the_page(pictures):
    facts = package(pictures)
    (pictures / "a.jpg").write_bytes(b"torn")
    assert "cannot be shown here" in disclosure_page(facts).decode()


def test_an_address_that_is_no_link_is_not_made_one():
    page = Page(disclosure_page(replace(package(), disclosure_url="javascript:alert(1)")).decode())
    assert page.addresses == []


def test_the_code_is_read_by_a_camera():
    address = "https://media.example.com/disclosures/villa-aurora"
    png = resvg_py.svg_to_bytes(svg_string=qr_code(address).decode())
    grey = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    read, *_ = cv2.QRCodeDetector().detectAndDecode(grey)
    assert read == address


@pytest.mark.parametrize("width_px", [390, 1280], ids=["phone", "desk"])
def test_a_browser_shows_the_page_without_asking_anybody(tmp_path, pictures, width_px):
    write_proof(tmp_path, package(pictures))
    with Browser(tmp_path / "profile") as browser:
        browser.size(width_px, 844, phone=width_px < 500)
        browser.open(tmp_path / "disclosure" / "index.html")
        browser.wait("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
        assert browser.value("document.images.length") == 5
        assert browser.value("document.documentElement.scrollWidth") == width_px
        assert browser.trouble == []
        assert all(address.startswith("file:") for address in browser.requests)


def test_an_editor_finds_the_score_where_the_package_has_it(pictures):
    facts = package(pictures)
    told = replace(facts, score=replace(facts.score, clip="clips/score.flac"))
    timeline = otio.adapters.read_from_string(timeline_json(told, told.main_film).decode(), "otio_json")
    (music,) = timeline.audio_tracks()[0].find_clips()
    assert music.media_reference.target_url == "clips/score.flac"
