"""What goes out, piece by piece: every size holds the picture it was given, overlays stand when they should."""

from dataclasses import replace
from itertools import pairwise

import av
import numpy as np
import pytest

from luxvid_pipeline.domain.delivery_plan import LADDER_PX, Part, Shape, format_of
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import ClipWriter, empty_frame, planes
from luxvid_pipeline.media.overlays import laid_over
from luxvid_pipeline.media.packaging import SceneSource, make_card, make_parts
from luxvid_pipeline.media.part_runs import PartOrder
from luxvid_pipeline.media.reframing import CropPath
from luxvid_pipeline_tests.clips import SMALL

SIZES = [(shape, size) for shape in Shape for size in LADDER_PX]


def decoded(path):
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield [
                np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width].astype(int)
                for plane in frame.planes
            ]


@pytest.mark.parametrize(("shape", "size"), SIZES, ids=[f"{shape}-{size}" for shape, size in SIZES])
def test_colours_stay_where_they_belong_in_every_size_that_goes_out(tmp_path, shape, size):
    film = format_of(shape, size)
    frame = empty_frame(film)
    luma, blue, red = planes(frame)
    luma[:], blue[:], red[:] = 120, 90, 160
    luma[: film.height_px // 2], blue[: film.height_px // 4], red[: film.height_px // 4] = 60, 150, 100
    with ClipWriter(tmp_path / "part.mp4", film) as writer:
        writer.write(frame.copy())
    (found,) = decoded(tmp_path / "part.mp4")
    for plane, wanted in zip(found, planes(frame), strict=True):
        assert plane.shape == wanted.shape
        assert np.abs(plane[[0, 1, 3, -4, -2, -1]] - wanted[[0, 1, 3, -4, -2, -1]]).max() <= 6


def overlay(film: FilmFormat, *, rows: slice, colour=(255, 255, 255), alpha=255):
    rgba = np.zeros((film.height_px, film.width_px, 4), np.uint8)
    rgba[rows, 100:400] = (*colour, alpha)
    return rgba


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """Half a second of grey in the film's format, and its source."""
    film = format_of(Shape.WIDE)
    path = tmp_path_factory.mktemp("clip") / "grey.mp4"
    frame = np.full_like(empty_frame(film), 128)
    frame[: film.height_px] = 60
    with ClipWriter(path, film) as writer:
        for _ in range(30):
            writer.write(frame.copy())
    return SceneSource(scene="1-arrival", clip=path, frames=30)


def test_a_caption_comes_and_goes_while_a_notice_stands_from_the_first_frame_to_the_last(tmp_path, grey):
    film = format_of(Shape.WIDE)
    order = PartOrder(
        part=Part(scene="1-arrival", shape=Shape.WIDE, short_side_px=480, captioned=True),
        into=tmp_path / "part.mp4",
        start=0,
        frames=30,
        overlay=overlay(film, rows=slice(800, 1000)),
        notice=overlay(film, rows=slice(60, 160)),
    )
    make_parts(grey, [order], {}, {})
    lumas = [planes_of_frame[0] for planes_of_frame in decoded(order.into)]
    assert len(lumas) == 30
    notice, caption = [luma[40:60, 60:160].mean() for luma in lumas], [luma[370:430, 60:160].mean() for luma in lumas]
    assert min(notice) > 225
    assert caption[0] < 75
    assert caption[15] > 225
    assert caption[-1] < 75
    assert abs(lumas[15][200:300, 500:].mean() - 60) < 2


def test_a_card_comes_up_over_the_last_picture_and_then_stands(tmp_path, grey):
    film = format_of(Shape.WIDE)
    card = np.full((film.height_px, film.width_px, 4), 255, np.uint8)
    order = PartOrder(
        part=Part(scene="card", shape=Shape.WIDE, short_side_px=480),
        into=tmp_path / "card.mp4",
        start=0,
        frames=30,
        overlay=card,
    )
    make_card(grey, [order], {}, rise=15)
    lumas = [planes_of_frame[0].mean() for planes_of_frame in decoded(order.into)]
    assert lumas[0] < 65
    assert all(later >= earlier - 1 for earlier, later in pairwise(lumas))
    assert min(lumas[15:]) > 230


def test_of_two_overlays_the_second_stands_in_front():
    below = overlay(SMALL, rows=slice(0, 100), colour=(255, 0, 0))
    above = overlay(SMALL, rows=slice(50, 150), colour=(0, 0, 255), alpha=128)
    both = laid_over(below[:, :300], above[:, :300])
    assert tuple(both[25, 200]) == (255, 0, 0, 255)
    assert both[75, 200, 3] == 255
    assert abs(int(both[75, 200, 2]) - 128) <= 2
    assert tuple(both[120, 200]) == (0, 0, 255, 128)
    assert both[170, 200, 3] == 0


def test_a_clip_shorter_than_planned_is_an_error(tmp_path, grey):
    source = replace(grey, frames=40)
    part = Part(scene="1-arrival", shape=Shape.WIDE, short_side_px=480)
    with pytest.raises(MediaError, match="holds 30 frames, 40 were expected"):
        make_parts(source, [PartOrder(part=part, into=tmp_path / "p.mp4", start=0, frames=30)], {}, {})
    assert not list(tmp_path.iterdir())


def draws(count=None):
    """Draw frames two levels brighter each than the one before; ``count`` of them, whatever was asked for."""

    def draw(places, sink):
        for place in places[:count]:
            frame = sink.buffer()
            frame[:] = 128
            planes(frame)[0][:] = 60 + round(2 * place)
            sink.write(frame)

    return draw


def test_what_is_drawn_at_half_pace_is_what_a_slow_part_shows(tmp_path, grey):
    source = replace(grey, draws=draws())
    orders = [
        PartOrder(
            part=Part(scene="1-arrival", shape=shape, short_side_px=size, slow=True),
            into=tmp_path / f"{shape}-{size}.mp4",
            start=15,
            frames=30,
        )
        for shape, size in ((Shape.WIDE, 1080), (Shape.WIDE, 480), (Shape.TALL, 1080))
    ]
    crop = CropPath(lefts_px=np.linspace(300, 500, 30), width_px=607.5, held=1.0, centre_held=1.0)
    make_parts(source, orders, {Shape.TALL: crop}, {})
    for order in orders:
        levels = [luma.mean() for luma, _, _ in decoded(order.into)]
        assert levels == pytest.approx([60 + number for number in range(15, 45)], abs=1.5)


def test_what_is_drawn_from_photographs_is_what_every_part_shows_plain_or_captioned(tmp_path, grey):
    source = replace(grey, draws=draws())
    caption = np.zeros((1080, 1920, 4), np.uint8)
    caption[900:1000, 200:800] = 255
    orders = [
        PartOrder(
            part=Part(scene="1-arrival", shape=shape, short_side_px=size, captioned=captioned),
            into=tmp_path / f"{shape}-{size}-{captioned}.mp4",
            start=0,
            frames=30,
            overlay=caption if captioned else None,
        )
        for shape, size, captioned in (
            (Shape.WIDE, 1080, False),
            (Shape.WIDE, 1080, True),
            (Shape.WIDE, 480, False),
            (Shape.SQUARE, 1080, False),
        )
    ]
    crop = CropPath(lefts_px=np.full(30, 420.0), width_px=1080.0, held=1.0, centre_held=1.0)
    make_parts(source, orders, {Shape.SQUARE: crop}, {})
    for order in orders:
        frames = list(decoded(order.into))
        levels = [luma[: luma.shape[0] // 2].mean() for luma, _, _ in frames]
        assert levels == pytest.approx([60 + 2 * number for number in range(30)], abs=1.5)
        under = frames[15][0][round(0.86 * frames[15][0].shape[0])].max()
        assert (under > 180) == order.part.captioned


@pytest.mark.parametrize("is_drawn", [True, False])
def test_both_paces_are_made_together_and_a_cut_to_black_darkens_only_its_own(tmp_path, grey, is_drawn):
    source = replace(grey, draws=draws() if is_drawn else None, dips=(6, 6))
    orders = {
        (shape, slow): PartOrder(
            part=Part(scene="1-arrival", shape=shape, short_side_px=480, slow=slow),
            into=tmp_path / f"{shape}-{slow}.mp4",
            start=0,
            frames=60 if slow else 30,
        )
        for shape in (Shape.WIDE, Shape.SQUARE)
        for slow in (False, True)
    }
    crop = CropPath(lefts_px=np.full(30, 420.0), width_px=1080.0, held=1.0, centre_held=1.0)
    make_parts(source, list(orders.values()), {Shape.SQUARE: crop}, {})
    for (_, slow), order in orders.items():
        levels = np.array([luma.mean() for luma, _, _ in decoded(order.into)])
        meant = 60 + (np.append(np.arange(58), [57.5, 58]) if slow else 2 * np.arange(30)) * is_drawn
        black = 0 if slow else np.clip(1 - np.minimum(np.arange(30), np.arange(30)[::-1]) / 6, 0, 1)
        assert levels == pytest.approx(meant * (1 - black) + 16 * black, abs=1.5)


def stripes(places, sink):
    """Draw what no two ways of scaling make the same."""
    for place in places:
        frame = sink.buffer()
        frame[:] = 40 + np.arange(frame.shape[1]) * (7 + round(place)) % 180
        sink.write(frame)


def test_a_size_has_the_same_bytes_whatever_other_sizes_are_made_with_it(tmp_path, grey):
    def order(name, size):
        part = Part(scene="1-arrival", shape=Shape.WIDE, short_side_px=size)
        return PartOrder(part=part, into=tmp_path / f"{name}-{size}.mp4", start=0, frames=3)

    striped = replace(grey, frames=3, draws=stripes)
    make_parts(striped, [order("alone", 480)], {}, {})
    make_parts(striped, [order("among", size) for size in LADDER_PX], {}, {})
    assert (tmp_path / "alone-480.mp4").read_bytes() == (tmp_path / "among-480.mp4").read_bytes()


def test_too_few_frames_are_an_error(tmp_path, grey):
    part = Part(scene="1-arrival", shape=Shape.WIDE, short_side_px=480, slow=True)
    order = PartOrder(part=part, into=tmp_path / "p.mp4", start=0, frames=60)
    with pytest.raises(MediaError, match="59 frames were drawn, 60 were expected"):
        make_parts(replace(grey, draws=draws(59)), [order], {}, {})
    assert not list(tmp_path.iterdir())
