"""The review page: what is in it, and what it does in a real browser."""

import re
from dataclasses import replace

import pytest

from luxvid_pipeline.review_page import page
from luxvid_pipeline_tests.browser import Browser, chromium
from luxvid_pipeline_tests.reviews import SECONDS, made_up_review, small_film, without_film

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(2)> 'ü' {{ 7 * 7 }} &amp; \u202e"""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return small_film(tmp_path_factory.mktemp("film") / "small.mp4", seconds=4 * SECONDS)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium()
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def shown(browser, film, tmp_path):
    """Open a page of four scenes and forget what earlier pages did."""

    def show(review=None, **size):
        file = tmp_path / "review.html"
        file.write_text(page(review or made_up_review(film), beside=tmp_path), encoding="utf-8")
        browser.trouble.clear()
        browser.requests.clear()
        browser.size(**{"width_px": 1280, "height_px": 900, **size})
        browser.open(file)
        return browser

    return show


def at(browser):
    return browser.value("document.querySelector('#film').currentTime")


def test_the_same_review_gives_the_same_bytes(film):
    assert page(made_up_review(film)) == page(made_up_review(film))


def test_nothing_in_the_page_leads_out_of_it(film):
    html = page(made_up_review(film))
    addresses = re.findall(r"""(?:src|href|poster)=["']([^"']*)""", html)
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)


def test_whatever_comes_from_a_listing_is_shown_and_never_obeyed(film):
    html = page(made_up_review(film, word=HOSTILE))
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert html.count("<script") == 1
    assert html.count("&lt;script&gt;alert(1)") > 30


def test_a_hostile_listing_runs_nothing_in_a_browser(shown, film):
    browser = shown(made_up_review(film, word=HOSTILE))
    assert browser.value("document.querySelectorAll('script').length") == 1
    assert browser.value("document.querySelectorAll('img:not([src^=\"data:\"])').length") == 0
    assert browser.trouble == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("fastest_px_s", 75.1, "fastest 75.1 px/s"),
        ("video_mbit_s", 5.745, "video 5.745 Mbit/s"),
        ("frozen_tail_s", 0.5, "frozen tail 0.5 s"),
        ("integrated_lufs", -14.06, "integrated −14.06 LUFS"),
        ("rooms_known_part", 0.8387, "rooms known 83.9 %"),
        ("travel_x", -0.0, "travel x 0"),
        ("kept", 1234.0, "kept 1,234"),
    ],
)
def test_a_figure_is_told_with_the_unit_its_name_ends_in(film, name, value, told):
    review = made_up_review(film)
    html = page(replace(review, checks=(replace(review.checks[0], figures={name: value}),)))
    assert told in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_files_are_linked_relative_to_the_page(film, tmp_path):
    review = made_up_review(film)
    place = tmp_path / "media" / "a b" / "film #1.mp4"
    (file,) = review.downloads
    linked = page(replace(review, downloads=(replace(file, file=place),)), beside=tmp_path / "reviews")
    assert 'href="../media/a%20b/film%20%231.mp4"' in linked


def test_it_loads_from_disk_without_a_word_on_the_console_and_without_a_request(shown):
    browser = shown()
    browser.wait("document.querySelector('#film').readyState >= 3")
    assert browser.trouble == []
    assert {url.split(":")[0] for url in browser.requests} == {"file"}
    assert len(browser.requests) == 1


def test_the_film_plays(shown):
    browser = shown()
    browser.click(".card .play")
    browser.wait("document.querySelector('#film').currentTime > 0.5")
    assert browser.value("document.querySelector('#film').videoWidth") == 320
    assert browser.value("document.querySelector('#film').error") is None


def test_clicking_a_scene_plays_it_from_its_beginning(shown):
    browser = shown()
    browser.click(".card[data-scene='2'] .reason")
    browser.wait("!document.querySelector('#film').paused")
    assert 2 * SECONDS <= at(browser) < 3 * SECONDS
    assert browser.value("document.querySelector('.card.now').dataset.scene") == "2"
    assert browser.value("document.querySelector('.still[aria-current]').dataset.scene") == "2"


def test_a_photo_shows_the_frame_that_was_shot_from_it_and_holds(shown):
    browser = shown()
    browser.click(".card[data-scene='2'] figure:last-of-type .shot")
    browser.wait("!document.querySelector('#film').seeking")
    assert at(browser) == pytest.approx(3 * SECONDS - 0.04)
    assert browser.value("document.querySelector('#film').paused")


def test_the_waveform_seeks_where_it_is_clicked(shown):
    browser = shown()
    browser.click("#wave", at=0.75)
    assert at(browser) == pytest.approx(3 * SECONDS, abs=0.05)
    assert float(browser.value("document.querySelector('#wave').getAttribute('aria-valuenow')")) == pytest.approx(6.0)


def test_the_keyboard_plays_and_seeks(shown):
    browser = shown()
    browser.wait("document.querySelector('#film').readyState >= 3")
    browser.press("ArrowRight")
    assert at(browser) == pytest.approx(1.0)
    browser.press(" ")
    browser.wait("!document.querySelector('#film').paused")
    browser.press(" ")
    browser.wait("document.querySelector('#film').paused")
    browser.value("document.querySelector('#wave').focus()")
    browser.press("Home")
    browser.press("PageDown")
    assert at(browser) == pytest.approx(SECONDS)
    browser.press("End")
    assert at(browser) == pytest.approx(4 * SECONDS, abs=0.1)
    assert "scene 4" in browser.value("document.querySelector('#wave').getAttribute('aria-valuetext')")


def test_the_first_thing_the_keyboard_reaches_skips_to_the_scenes(shown):
    browser = shown()
    browser.press("Tab")
    assert browser.value("document.activeElement.className") == "skip"
    browser.press("Enter")
    assert browser.value("location.hash") == "#scenes"
    order = browser.value(
        "[...document.querySelectorAll('button, a[href], summary, video, [tabindex=\"0\"]')].map(e => e.tabIndex)"
    )
    assert set(order) == {0}


def test_every_control_has_a_name_and_every_picture_a_text(shown):
    browser = shown()
    nameless = browser.value(
        "[...document.querySelectorAll('button, a, summary, video, [role=slider]')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.textContent.trim())).length"
        " + [...document.images].filter(e => !e.hasAttribute('alt')).length"
    )
    assert nameless == 0
    ids = browser.value("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width_px", [360, 390, 820, 1280])
def test_nothing_is_wider_than_the_screen(shown, film, width_px):
    review = made_up_review(film, word="W" * 90)
    browser = shown(review, width_px=width_px, height_px=800, phone=width_px < 700)
    assert browser.value("document.documentElement.scrollWidth") <= width_px
    assert browser.value("parseFloat(getComputedStyle(document.querySelector('.reason')).fontSize)") >= 15


_CONTRAST = """
(() => {
  const light = c => {
    const [r, g, b] = c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = s => s.match(/[\\d.]+/g).map(Number);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > .99) return c.slice(0, 3); } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (!(e instanceof HTMLElement) || e.closest('.hidden, .skip, .screen, script, style')) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(ground(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(`${e.className || e.tagName} ${e.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return bad;
})()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_stands_out_from_its_ground(shown, film, dark):
    browser = shown(made_up_review(film, word="word"), dark=dark)
    browser.value("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.value(_CONTRAST) == []


def test_the_reader_chooses_between_light_and_dark(shown):
    browser = shown()
    before = browser.value("getComputedStyle(document.body).backgroundColor")
    browser.click("#theme")
    assert browser.value("getComputedStyle(document.body).backgroundColor") != before


def test_a_plan_without_a_film_is_a_page_too(shown, film):
    browser = shown(without_film(made_up_review(film)))
    assert browser.trouble == []
    assert "The film is not made yet" in browser.value("document.body.innerText")
    assert browser.value("document.querySelectorAll('.card[data-scene]').length") == 4
