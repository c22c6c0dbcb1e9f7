import itertools

import numpy as np
import pytest

from luxvid_pipeline.domain.errors import DamagedMediaError, MediaError, TimelineError
from luxvid_pipeline.domain.listing import MUSIC_STYLES
from luxvid_pipeline.domain.score import compose
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, find_clicks, read_flac, to_pcm, to_sound, write_flac
from luxvid_pipeline.media.loudness import integrated_lufs, loudness_of, loudness_over_time_lufs
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.providers.local.mixdown import perform
from luxvid_pipeline_tests.sounds import score_request, silence, tone

SHORT = (2.0, 2.0, 2.0)


@pytest.fixture(scope="module", params=MUSIC_STYLES)
def record(request):
    """A listing's whole score in one style: what was asked for, and how it sounds."""
    asked = score_request(style=request.param)
    return asked, perform(compose(asked))


@pytest.fixture(scope="module")
def composer():
    return LocalComposer()


@pytest.fixture(scope="module")
def short_stages(tmp_path_factory, composer):
    """Three stages of two seconds, each made from the one before."""
    folder, asked = tmp_path_factory.mktemp("score"), score_request(stage_seconds=SHORT)
    files = [folder / f"stage-{number}.flac" for number in range(3)]
    for stage, into in enumerate(files):
        composer.compose_stage(asked, stage, files[stage - 1] if stage else None, into)
    return asked, files


def by_stage(sound):
    return [sound[start : start + 4 * SAMPLE_RATE_HZ] for start in range(0, len(sound), 4 * SAMPLE_RATE_HZ)]


def test_a_score_is_as_long_as_its_film_and_mastered(record):
    _, sound = record
    measured = loudness_of(sound)
    assert len(sound) == 28 * SAMPLE_RATE_HZ
    assert -16.0 <= measured.integrated_lufs <= -14.0
    assert measured.true_peak_dbtp <= -1.5
    assert np.abs(sound.mean(axis=0)).max() < 1e-4


def test_a_score_opens_softly_and_ends_full(record):
    _, sound = record
    loud = [integrated_lufs(stage) for stage in by_stage(sound)]
    opening, bedroom, vanity, bath, living, lifestyle, farewell = loud
    assert opening < bedroom < vanity < bath < lifestyle < living < farewell
    assert farewell - opening > 6


def test_a_score_is_never_silent_before_its_end_and_silent_at_it(record):
    _, sound = record
    assert loudness_over_time_lufs(sound[:-SAMPLE_RATE_HZ], 0.4).min() > -40
    assert np.abs(sound[-480:]).max() < 0.01
    assert np.abs(sound[-1]).max() == 0


def test_a_score_has_no_click_and_no_seam(record):
    _, sound = record
    assert find_clicks(sound) == []
    bend = np.abs(np.diff(sound, n=2, axis=0)).max(axis=1)
    seams = [4 * stage * SAMPLE_RATE_HZ for stage in range(1, 7)]
    downbeats = [(4 * stage + 2) * SAMPLE_RATE_HZ for stage in range(7)]
    at_seams = [bend[at - 50 : at + 5].max() for at in seams]
    elsewhere = [bend[at - 50 : at + 5].max() for at in downbeats]
    assert np.median(at_seams) < 3 * np.median(elsewhere)


def test_a_score_fills_the_room_without_falling_apart_in_mono(record):
    _, sound = record
    for stage in by_stage(sound):
        assert 0.3 < np.corrcoef(stage.T)[0, 1] < 0.99


def test_a_score_is_in_tune_with_its_notes(record):
    asked, sound = record
    plan = compose(asked)
    inside = outside = 0.0
    for slot in plan.slots[:-2]:
        start = round((slot.start_s + 0.15) * SAMPLE_RATE_HZ)
        mono = sound[start : round((slot.start_s + slot.length_s) * SAMPLE_RATE_HZ)].mean(axis=1)
        power = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 18)) ** 2
        hz = np.fft.rfftfreq(1 << 18, 1 / SAMPLE_RATE_HZ)
        heard = (hz > 100) & (hz < 1200)
        pitch_class = np.round(69 + 12 * np.log2(hz[heard] / 440)).astype(int) % 12
        right = np.isin(pitch_class, sorted({*slot.chords[0].scale, *slot.chords[0].pitch_classes}))
        inside, outside = inside + power[heard][right].sum(), outside + power[heard][~right].sum()
    assert outside / (inside + outside) < 0.04


def test_styles_and_listings_sound_different():
    records = {
        (listing, style): perform(compose(score_request(listing, style, SHORT)))
        for listing, style in [("a", MUSIC_STYLES[1]), ("b", MUSIC_STYLES[1]), ("a", MUSIC_STYLES[2])]
    }
    for one, other in itertools.combinations(records.values(), 2):
        assert abs(np.corrcoef(one.mean(axis=1), other.mean(axis=1))[0, 1]) < 0.3


def test_every_stage_begins_with_exactly_the_stage_before(short_stages):
    _, files = short_stages
    stages = [read_flac(file) for file in files]
    for number, stage in enumerate(stages):
        assert len(stage) == round(sum(SHORT[: number + 1]) * SAMPLE_RATE_HZ)
    for before, after in itertools.pairwise(stages):
        assert np.array_equal(after[: len(before)], before)


def test_another_process_would_write_the_same_bytes_and_goes_on_where_this_one_stopped(short_stages, tmp_path):
    asked, files = short_stages
    LocalComposer().compose_stage(asked, 2, files[1], tmp_path / "again.flac")
    assert (tmp_path / "again.flac").read_bytes() == files[2].read_bytes()


def test_a_last_bit_that_another_processor_rounded_otherwise_is_kept_and_led_over(short_stages, composer, tmp_path):
    asked, files = short_stages
    elsewhere = read_flac(files[0])
    elsewhere[1000:, :] += 700
    write_flac(elsewhere, tmp_path / "one.flac")
    composer.compose_stage(asked, 1, tmp_path / "one.flac", tmp_path / "two.flac")
    two = read_flac(tmp_path / "two.flac")
    assert np.array_equal(two[: len(elsewhere)], elsewhere)
    assert find_clicks(to_sound(two)) == []
    assert np.array_equal(two[-1000:], read_flac(files[1])[-1000:])


@pytest.mark.parametrize(
    "other", [pytest.param(tone(300, 2.0, -6), id="other-music"), pytest.param(silence(1.0), id="too-short")]
)
def test_a_stage_that_is_not_the_beginning_of_this_score_is_refused(short_stages, composer, tmp_path, other):
    asked, _ = short_stages
    write_flac(to_pcm(other), tmp_path / "other.flac")
    with pytest.raises(DamagedMediaError, match=r"other\.flac.*soundtrack"):
        composer.compose_stage(asked, 1, tmp_path / "other.flac", tmp_path / "two.flac")
    assert not (tmp_path / "two.flac").exists()


def test_a_damaged_stage_is_named(short_stages, composer, tmp_path):
    asked, files = short_stages
    (tmp_path / "half.flac").write_bytes(files[0].read_bytes()[:900])
    with pytest.raises(MediaError, match=r"half\.flac"):
        composer.compose_stage(asked, 1, tmp_path / "half.flac", tmp_path / "two.flac")


def test_there_is_no_stage_after_the_last(composer, tmp_path):
    with pytest.raises(TimelineError, match="3 stages"):
        composer.compose_stage(score_request(stage_seconds=SHORT), 3, None, tmp_path / "x.flac")
