"""Claims about marks inside files: they are there, picture and sound are untouched, a signature holds."""

import struct
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from luxvid_pipeline.domain.errors import MediaError, SettingsError
from luxvid_pipeline.domain.proof import SourceType
from luxvid_pipeline.media import provenance
from luxvid_pipeline.media.provenance import Signer, boxes, mark, read_mark, read_signature, sign, xmp_packet
from luxvid_pipeline_tests.certificates import write_signer
from luxvid_pipeline_tests.clips import draw_clip

PACKET = xmp_packet(SourceType.GENERATED, "Altered <with> AI & said so", "https://media.example.com/a?b=1&c=2")
MADE_BY = "LuxVid 0.1.0"


@pytest.fixture(scope="module")
def clip_bytes(tmp_path_factory):
    return draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 1.0).read_bytes()


@pytest.fixture
def clip(tmp_path, clip_bytes):
    path = tmp_path / "film.mp4"
    path.write_bytes(clip_bytes)
    return path


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return write_signer(tmp_path_factory.mktemp("keys"))


def names(path):
    with path.open("rb") as file:
        return [name for _, _, name in boxes(file)]


def frames(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


def picture(path, form):
    noise = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, form)
    return path


def test_the_packet_is_xml_that_names_the_digital_source_type():
    root = ElementTree.fromstring(PACKET)  # noqa: S314  Our own.
    kind = root.find(".//{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert kind is not None
    assert kind.text == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert "".join(root.itertext()).count("Altered <with> AI & said so") == 1


def test_a_mark_moves_nothing_in_a_film(clip, clip_bytes):
    mark(clip, PACKET)
    assert clip.read_bytes()[: len(clip_bytes)] == clip_bytes
    assert names(clip)[-1] == b"uuid"
    assert names(clip).index(b"moov") < names(clip).index(b"mdat")
    assert read_mark(clip) == PACKET


def test_a_second_mark_takes_the_place_of_the_first(clip):
    mark(clip, PACKET)
    size = clip.stat().st_size
    other = xmp_packet(SourceType.CAPTURED)
    mark(clip, other)
    mark(clip, PACKET)
    assert clip.stat().st_size == size
    assert names(clip).count(b"uuid") == 1


def test_a_media_box_without_a_size_gets_one_before_something_follows_it(clip):
    data = bytearray(clip.read_bytes())
    at = data.rindex(b"mdat") - 4
    data[at : at + 4] = bytes(4)
    clip.write_bytes(data)
    before = frames(clip)
    mark(clip, PACKET)
    assert names(clip)[-2:] == [b"mdat", b"uuid"]
    assert frames(clip) == before


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_a_mark_in_a_picture_leaves_its_pixels(tmp_path, form):
    path = picture(tmp_path / f"poster.{form}", form)
    before = np.asarray(Image.open(path).convert("RGB"))
    assert read_mark(path) is None
    mark(path, PACKET)
    mark(path, PACKET)
    assert read_mark(path) == PACKET
    with Image.open(path) as marked:
        assert marked.info.get("xmp") == PACKET
        assert np.array_equal(np.asarray(marked.convert("RGB")), before)


def test_an_animated_webp_still_moves(tmp_path):
    path = tmp_path / "teaser.webp"
    first, *others = [Image.new("RGB", (64, 36), (40 * number, 90, 120)) for number in range(4)]
    first.save(path, save_all=True, append_images=others, duration=80)
    mark(path, PACKET)
    with Image.open(path) as marked:
        assert sum(1 for _ in ImageSequence.Iterator(marked)) == 4
    assert read_mark(path) == PACKET


@pytest.mark.parametrize("name", ["film.mp4", "poster.jpg", "poster.png", "poster.webp", "notes.txt"])
def test_a_file_that_is_not_what_its_name_says_is_an_error_and_stays_as_it_is(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"not media at all")
    with pytest.raises(MediaError, match=name):
        mark(path, PACKET)
    assert path.read_bytes() == b"not media at all"
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_a_film_that_is_cut_off_is_an_error(clip):
    clip.write_bytes(clip.read_bytes()[:-100])
    with pytest.raises(MediaError, match="cut off"):
        mark(clip, PACKET)


def test_a_signed_film_validates_and_plays_as_before(clip, signer):
    before = frames(clip)
    mark(clip, PACKET)
    sign(clip, signer, SourceType.GENERATED, title="film.mp4", made_by=MADE_BY)
    store = read_signature(clip)
    assert store is not None
    assert store["validation_state"] == "Valid"
    assert [fault["code"] for fault in store["validation_status"]] == ["signingCredential.untrusted"]
    claim = store["manifests"][store["active_manifest"]]
    assert claim["title"] == "film.mp4"
    assert claim["claim_generator_info"][0]["name"] == "LuxVid"
    actions = next(part["data"]["actions"] for part in claim["assertions"] if part["label"] == "c2pa.actions.v2")
    assert actions[0]["digitalSourceType"] == SourceType.GENERATED.value
    assert names(clip).index(b"moov") < names(clip).index(b"mdat")
    assert read_mark(clip) == PACKET
    assert frames(clip) == before
    assert [item.name for item in clip.parent.iterdir()] == [clip.name]


def test_a_film_that_was_changed_after_signing_does_not_validate(clip, signer):
    sign(clip, signer, SourceType.GENERATED, title="film.mp4", made_by=MADE_BY)
    data = bytearray(clip.read_bytes())
    data[-200] ^= 0xFF
    clip.write_bytes(data)
    store = read_signature(clip)
    assert store is not None
    assert store["validation_state"] == "Invalid"


def test_an_unsigned_file_has_no_signature(clip):
    assert read_signature(clip) is None


@pytest.mark.parametrize(
    ("certificates", "key", "why"),
    [
        pytest.param("", "", "no private key", id="empty-files"),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None, "cannot sign", id="no-chain"
        ),
        pytest.param(
            None, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key", id="no-key"
        ),
    ],
)
def test_keys_that_cannot_sign_are_named(clip, clip_bytes, signer, tmp_path, certificates, key, why):
    broken = Signer(certificates=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    broken.certificates.write_text(signer.certificates.read_text() if certificates is None else certificates)
    broken.key.write_text(signer.key.read_text() if key is None else key)
    with pytest.raises(SettingsError, match=why) as raised:
        sign(clip, broken, SourceType.GENERATED, title="film.mp4", made_by=MADE_BY)
    assert "PRIVATE KEY" not in str(raised.value)
    assert clip.read_bytes() == clip_bytes


def test_without_the_package_a_key_is_an_error_that_names_it(clip, signer, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(provenance.importlib, "import_module", missing)
    with pytest.raises(SettingsError, match="c2pa-python is not installed"):
        sign(clip, signer, SourceType.GENERATED, title="film.mp4", made_by=MADE_BY)


def test_the_boxes_of_a_file_add_up_to_it(clip):
    with clip.open("rb") as file:
        found = list(boxes(file))
    assert sum(size for _, size, _ in found) == clip.stat().st_size
    assert struct.unpack(">I", clip.read_bytes()[:4])[0] == found[0][1]
