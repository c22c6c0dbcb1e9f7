"""Claims about logos: good ones are drawn, harmful ones are refused or made harmless, with a clear word."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from luxvid_pipeline.domain.errors import ListingError
from luxvid_pipeline.media.logos import read_logo
from luxvid_pipeline_tests.photo_files import png_with_header

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {size}>{body}</svg>'
DISC = '<circle cx="50" cy="50" r="40" fill="#C9A46A"/>'


@pytest.fixture
def logo_file(tmp_path):
    def write(body, size='viewBox="0 0 200 100"', name="logo.svg"):
        path = tmp_path / name
        if isinstance(body, bytes):
            path.write_bytes(body)
        else:
            path.write_text(SVG.format(size=size, body=body), encoding="utf-8")
        return path

    return write


def raster(mode, ground, form="PNG"):
    picture = Image.new(mode, (400, 300), ground)
    ImageDraw.Draw(picture).rectangle((100, 100, 299, 199), fill=(20, 60, 120))
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def test_an_svg_is_drawn_large_and_cropped_to_what_it_shows(logo_file):
    logo = read_logo(logo_file(DISC))
    assert logo.rgba.shape[0] == pytest.approx(480, abs=3)
    assert logo.aspect == pytest.approx(1.0, abs=0.01)
    assert logo.one_colour
    assert np.allclose(logo.colour, (0xC9, 0xA4, 0x6A), atol=2)


@pytest.mark.parametrize(
    "size", ['width="200" height="100"', 'width="50mm" height="25mm"', 'viewBox="-10 -10 200 100"']
)
def test_an_svg_is_drawn_whatever_way_it_gives_its_size(logo_file, size):
    assert read_logo(logo_file(DISC, size)).rgba[..., 3].max() == 255


def test_a_logo_without_a_name_space_is_drawn(logo_file):
    path = logo_file(f'<svg viewBox="0 0 100 100">{DISC}</svg>'.encode())
    assert read_logo(path).aspect == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param("<script>alert(1)</script>", "script", id="script"),
        pytest.param('<rect width="9" height="9" onload="alert(1)" onclick="x()"/>', "event handler", id="handlers"),
        pytest.param("<foreignObject><p>hello</p></foreignObject>", "foreignObject", id="foreign-object"),
        pytest.param('<a xlink:href="https://example.com"><rect width="9" height="9"/></a>', "link", id="link"),
        pytest.param(
            '<rect width="9" height="9"><animate attributeName="x" to="9"/></rect>', "animation", id="animation"
        ),
    ],
)
def test_what_does_not_belong_in_a_still_mark_is_left_out_and_said(logo_file, body, what):
    logo = read_logo(logo_file(DISC + body))
    assert any(what in note for note in logo.notes)
    assert np.allclose(logo.colour, (0xC9, 0xA4, 0x6A), atol=60)


HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
ENTITIES = f'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>{HEAD}<text>&b;</text></svg>'
OUTSIDE = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]>{HEAD}<text>&x;</text></svg>'
COPIES = "".join(f'<g id="g{n}">' + f'<use xlink:href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, 12))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(
            DISC + '<image href="https://example.com/a.png" width="9" height="9"/>', "outside", id="remote-image"
        ),
        pytest.param(DISC + '<image xlink:href="../secret.png" width="9" height="9"/>', "outside", id="local-image"),
        pytest.param(DISC + '<use href="other.svg#a"/>', "outside", id="use-from-a-file"),
        pytest.param(DISC + '<image href="data:image/svg+xml;base64,AAAA"/>', "outside", id="svg-in-svg"),
        pytest.param(DISC + '<image href="data:image/png;base64,AAAA"/>', "embedded picture", id="broken-inside"),
        pytest.param("<style>@import url(https://example.com/a.css);</style>" + DISC, "another file", id="style-sheet"),
        pytest.param('<rect fill="url(https://example.com/#a)" width="9" height="9"/>', "another file", id="paint"),
        pytest.param('<rect style="fill:url(//example.com/a)" width="9" height="9"/>', "another file", id="style"),
        pytest.param("<style>rect{fill:\\75rl(https://example.com)}</style>", "hides", id="escaped-style"),
        pytest.param(ENTITIES.encode(), "entities", id="entities"),
        pytest.param(OUTSIDE.encode("utf-16"), "entities", id="entity-of-a-file-in-another-encoding"),
        pytest.param('<g id="a"><use href="#a"/></g>', "refers to itself", id="endless"),
        pytest.param('<g id="g0"><rect width="1" height="1"/></g>' + COPIES, "too complex", id="copies-of-copies"),
        pytest.param("<g>" * 200 + "</g>" * 200, "too complex", id="too-deep"),
        pytest.param("<rect/>" * 20_001, "too complex", id="too-many"),
        pytest.param("", "nothing is drawn", id="empty-drawing"),
        pytest.param(b"<svg><g></svg>", "not readable as SVG", id="torn"),
        pytest.param(b"<html><body/></html>", "not svg", id="html"),
        pytest.param(b"   ", "empty file", id="blank"),
        pytest.param(b"\x00\x01not xml", "not readable as SVG", id="rubbish"),
    ],
)
def test_a_harmful_or_broken_svg_is_refused_with_file_and_remedy(logo_file, body, why):
    path = logo_file(body)
    with pytest.raises(ListingError, match=r"logo\.svg: ") as raised:
        read_logo(path)
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("size", ["", 'viewBox="0 0 0 5"', 'viewBox="0 0 1e9 1"', 'width="100%" height="100%"'])
def test_an_svg_of_no_sensible_size_is_refused(logo_file, size):
    with pytest.raises(ListingError, match=r"viewBox"):
        read_logo(logo_file(DISC, size))


def test_nothing_of_the_machine_is_drawn_into_a_logo(logo_file, tmp_path):
    (tmp_path / "secret.svg").write_text(SVG.format(size='viewBox="0 0 9 9"', body="<rect width='9' height='9'/>"))
    with pytest.raises(ListingError):
        read_logo(logo_file(DISC + '<image href="secret.svg" width="9" height="9"/>'))


def test_an_embedded_picture_is_drawn(logo_file):
    data = base64.b64encode(raster("RGB", "white")).decode()
    logo = read_logo(logo_file(f'<image width="200" height="100" href="data:image/png;base64,{data}"/>'))
    assert logo.rgba.shape[1] > 100


def test_text_in_an_svg_is_drawn_in_a_font_of_ours_and_said(logo_file):
    logo = read_logo(logo_file('<text x="5" y="60" font-size="40" font-family="Optima, sans-serif">AURORA</text>'))
    assert logo.rgba[..., 3].max() == 255
    assert any("turn text into paths" in note for note in logo.notes)


def test_a_transparent_png_keeps_its_transparency(logo_file):
    logo = read_logo(logo_file(raster("RGBA", (0, 0, 0, 0)), name="logo.png"))
    assert logo.rgba.shape == (100, 200, 4)
    assert logo.backdrop is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_logo_on_white_brings_its_ground_along_and_loses_its_margins(logo_file, form):
    logo = read_logo(logo_file(raster("RGB", "white", form), name=f"logo.{form.lower()}"))
    assert logo.backdrop == (255, 255, 255)
    assert logo.aspect == pytest.approx(2.0, abs=0.1)


def test_a_palette_png_is_read(logo_file):
    picture = Image.open(io.BytesIO(raster("RGB", "white"))).convert("P")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    assert read_logo(logo_file(buffer.getvalue(), name="logo.png")).backdrop is not None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(raster("RGB", "white")[:200], "no PNG, JPEG, WebP or SVG", id="cut-off"),
        pytest.param(b"%PDF-1.4", "no PNG, JPEG, WebP or SVG", id="pdf"),
        pytest.param(png_with_header(60_000, 60_000), "", id="bomb"),
    ],
)
def test_a_broken_or_huge_picture_is_refused(logo_file, data, why):
    with pytest.raises(ListingError, match=r"logo\.png") as raised:
        read_logo(logo_file(data, name="logo.png"))
    assert why in str(raised.value)


def test_a_missing_logo_says_what_to_do(tmp_path):
    with pytest.raises(ListingError, match=r"logo\.svg: no such logo; put the file into the listing folder"):
        read_logo(tmp_path / "logo.svg")


def test_a_logo_of_many_megabytes_is_refused(logo_file):
    with pytest.raises(ListingError, match="below 8 MB"):
        read_logo(logo_file(b"\x89PNG" + bytes(8_000_001), name="logo.png"))


def test_a_tiny_logo_is_refused(logo_file):
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), (9, 9, 9, 255)).resize((9, 8)).save(buffer, "PNG")
    with pytest.raises(ListingError, match=r"too small|nothing is drawn"):
        read_logo(logo_file(buffer.getvalue(), name="logo.png"))
