from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.domain.payments import Estimate
from luxvid_pipeline.domain.pricing import (
    PRICES,
    Unit,
    billed_hardware,
    billed_tokens,
    billed_video,
    hardware_price,
    output_price,
    price_of,
    token_price,
    video_price,
)

CLIP_MODELS = [model for model, price in PRICES.items() if price.unit is Unit.SECOND]


def between(low, high=None):
    return Estimate(low_usd=Decimal(low), high_usd=Decimal(high or low))


@pytest.mark.parametrize(
    ("model", "seconds", "resolution", "audio", "expected"),
    [
        ("google/veo-3.1", 8, "1080p", False, between("1.60")),
        ("google/veo-3.1", 8, "1080p", True, between("3.20")),
        ("google/veo-3.1-fast", 4, "720p", False, between("0.40")),
        ("google/veo-3.1-fast", 6, "720p", True, between("0.90")),
        ("google/veo-3", 8, "720p", False, between("1.60")),
        ("google/veo-3-fast", 4, "720p", False, between("0.40", "1.60")),
        ("minimax/hailuo-02", 6, "1080p", False, between("0.48")),
        ("minimax/hailuo-02", 6, "768p", False, between("0.27", "0.48")),
        ("bytedance/seedance-1-lite", 5, "480p", False, between("0.09")),
        ("bytedance/seedance-1-lite", 5, "1080p", False, between("0.36")),
        ("bytedance/seedance-1-pro", 4, "720p", False, between("0.24")),
        ("bytedance/seedance-1.5-pro", 4, "720p", False, between("0.104")),
        ("bytedance/seedance-1.5-pro", 4, "720p", True, between("0.208", "0.416")),
        ("kwaivgi/kling-v2.1", 5, "standard", False, between("0.25")),
        ("kwaivgi/kling-v2.1", 5, "pro", False, between("0.45")),
        ("kwaivgi/kling-v2.1", 5, "1080p", False, between("0.45")),
        ("kwaivgi/kling-v2.5-turbo-pro", 10, "1080p", False, between("0.70")),
        ("kwaivgi/kling-v3-video", 5, "pro", True, between("1.68")),
        ("minimax/hailuo-2.3", 6, "768p", False, between("0.28", "0.56")),
        ("minimax/hailuo-2.3", 10, "768p", False, between("0.56", "1.12")),
        ("wan-video/wan-2.2-i2v-fast", 5, "480p", False, between("0.05")),
        # Without a size, every size counts.
        ("bytedance/seedance-1-lite", 5, "", False, between("0.09", "0.36")),
    ],
)
def test_a_clip_costs_what_its_length_size_and_sound_cost(model, seconds, resolution, audio, expected):
    found = video_price(model, seconds=seconds, resolution=resolution, audio=audio)
    assert (found.low_usd, found.expected_usd) == (expected.low_usd, expected.expected_usd)


@pytest.mark.parametrize(
    ("model", "seconds", "resolution", "high_usd"),
    [
        pytest.param("google/veo-3.1-fast", 4, "720p", "0.41", id="by-the-second"),
        pytest.param("kwaivgi/kling-v2.1", 5, "pro", "0.459", id="in-a-mode"),
        pytest.param("google/veo-3-fast", 4, "720p", "1.64", id="where-the-price-is-a-range"),
        pytest.param("minimax/hailuo-2.3", 6, "768p", "0.56", id="by-the-output-there-is-nothing-to-add"),
    ],
)
def test_the_upper_end_of_a_clip_holds_a_frame_more_than_was_asked_for(model, seconds, resolution, high_usd):
    assert video_price(model, seconds=seconds, resolution=resolution, audio=False).high_usd == Decimal(high_usd)


def test_what_is_priced_by_the_output_costs_as_many_times_as_it_is_made():
    assert output_price("google/nano-banana") == between("0.039")
    assert output_price("google/nano-banana", count=3) == between("0.117")
    assert output_price("wan-video/wan-2.2-i2v-fast") == between("0.05", "0.145")
    assert output_price("wan-video/wan-2.2-i2v-fast", resolution="480p", count=7) == between("0.35")


def test_hardware_is_estimated_by_its_seconds_or_by_the_sound_it_makes():
    assert hardware_price("meta/musicgen", seconds=66) == between("0.0924", "0.10065")
    assert hardware_price("meta/musicgen", made_s=4) == between("0.0224", "0.08845")
    assert hardware_price("meta/musicgen") == between("0.028", "0.4575")
    assert hardware_price("riffusion/riffusion", made_s=5) == hardware_price("riffusion/riffusion")
    assert hardware_price("riffusion/riffusion") == between("0.001125", "0.02925")


@pytest.mark.parametrize(
    ("model", "tokens", "expected"),
    [
        pytest.param("grok-4.3", {"prompt_tokens": 1_000_000 // 10}, between("0.125"), id="prompt"),
        pytest.param("xai/grok-4.3", {"prompt_tokens": 200_000}, between("0.50"), id="long-prompts-cost-double"),
        pytest.param(
            "grok-4.3",
            {"prompt_tokens": 1000, "cached_tokens": 400, "completion_tokens": 100, "reasoning_tokens": 50},
            between("0.001205"),
            id="xai-reasons-apart",
        ),
        pytest.param(
            "gpt-5.4-mini",
            {"prompt_tokens": 1000, "completion_tokens": 100, "reasoning_tokens": 50},
            between("0.0012"),
            id="openai-reasons-within",
        ),
        pytest.param(
            "openai/gpt-6-luna", {"prompt_tokens": 100_000}, between("0.01", "0.0125"), id="keeping-in-the-cache-costs"
        ),
        pytest.param(
            "gpt-5.6-luna",
            {"prompt_tokens": 300_000, "completion_tokens": 1000},
            between("0.1218"),
            id="long-prompts-cost-more",
        ),
    ],
)
def test_an_answer_costs_its_tokens(model, tokens, expected):
    assert token_price(model, **{"completion_tokens": 0, **tokens}) == expected


def test_estimates_are_rounded_up_to_a_micro_dollar_and_costs_are_exact():
    assert token_price("gpt-6-luna", prompt_tokens=1, completion_tokens=1) == between("0.000001")
    assert billed_tokens("gpt-6-luna", prompt_tokens=1, completion_tokens=1) == Decimal("0.000000625")
    clip = video_price("minimax/hailuo-02-fast", seconds=0.00001, resolution="", audio=False)
    assert (clip.low_usd, clip.high_usd) == (Decimal("0.000001"), Decimal("0.001661"))


@pytest.mark.parametrize(
    ("model", "metrics", "expected"),
    [
        pytest.param("google/veo-3.1-fast", {}, "0.40", id="nothing-reported-bills-what-was-asked"),
        pytest.param("google/veo-3.1-fast", {"video_output_duration_seconds": 4.042}, "0.4042", id="its-seconds"),
        pytest.param("google/veo-3.1-fast", {"with_audio": True}, "0.60", id="it-made-sound-after-all"),
        pytest.param("minimax/hailuo-02", {"resolution_target": "1080p"}, "0.32", id="it-made-another-size"),
        pytest.param("minimax/hailuo-02", {"resolution_target": "9000p"}, "0.32", id="a-size-nobody-knows"),
        pytest.param("minimax/hailuo-02", {"video_output_duration_seconds": "4"}, "0.32", id="no-number"),
        pytest.param("minimax/hailuo-02", {"video_output_duration_seconds": -1}, "0.32", id="no-length"),
        pytest.param("wan-video/wan-2.2-i2v-fast", {"video_output_count": 1}, "0.145", id="by-the-clip"),
    ],
)
def test_a_clip_is_billed_by_what_the_vendor_reports(model, metrics, expected):
    size = "768p" if "hailuo" in model else "720p"
    billed = billed_video(model, metrics=metrics, resolution=size, audio=False, asked_seconds=4)
    assert billed == Decimal(expected)


def test_hardware_is_billed_by_its_time_and_at_the_longest_expected_where_none_is_reported():
    assert billed_hardware("meta/musicgen", {"predict_time": 66.431529}) == Decimal("66.431529") * Decimal("0.001525")
    assert billed_hardware("meta/musicgen", {}) == Decimal("0.4575")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: price_of("acme/dream-2"), "no price is known for the model 'acme/dream-2'.*google/veo-3.1-fast"),
        (
            lambda: video_price("meta/musicgen", seconds=4, resolution="", audio=False),
            "priced by the second of hardware",
        ),
        (lambda: output_price("google/veo-3.1"), "priced by the second of output, not by the output"),
        (lambda: hardware_price("google/veo-3.1"), "cannot do this work"),
        (lambda: token_price("google/veo-3.1", prompt_tokens=1, completion_tokens=1), "not by the million tokens"),
        (
            lambda: video_price("minimax/hailuo-02", seconds=6, resolution="4k", audio=False),
            "no price for 6 s at '4k'; it has one for 512p, 768p, 1080p",
        ),
        (lambda: video_price("minimax/hailuo-2.3", seconds=10, resolution="1080p", audio=False), "no price for 10 s"),
        (lambda: video_price("google/veo-3", seconds=0, resolution="", audio=False), "has to be above 0"),
        (lambda: video_price("google/veo-3", seconds=float("nan"), resolution="", audio=False), "has to be above 0"),
        (lambda: token_price("grok-4.3", prompt_tokens=-1, completion_tokens=0), "counted from 0"),
    ],
)
def test_what_has_no_price_is_refused(ask, words):
    with pytest.raises(SettingsError, match=words):
        ask()


def test_every_price_says_where_it_stands_and_when_it_was_read():
    for model, price in PRICES.items():
        assert price.source, model
        assert price.read_on[:2] == "20", model
        assert (price.tokens is None) == bool(price.tiers), model
        assert all(0 < tier.low_usd <= tier.high_usd for tier in price.tiers), model
        assert (price.hardware_s[1] > price.hardware_s[0] > 0) == (price.unit is Unit.HARDWARE_SECOND), model


def test_uncertain_prices_are_those_the_reference_could_not_confirm():
    assert [model for model, price in PRICES.items() if not price.is_certain] == [
        "google/veo-3-fast",
        "minimax/hailuo-02",
        "minimax/hailuo-2.3",
        "minimax/hailuo-2.3-fast",
        "bytedance/seedance-1.5-pro",
        "bytedance/seedance-2.0-fast",
        "luma/ray-2-720p",
        "wan-video/wan-2.2-i2v-fast",
        "meta/musicgen",
        "riffusion/riffusion",
        "openai/gpt-6-luna",
    ]


@given(
    st.sampled_from(CLIP_MODELS),
    st.floats(0.1, 60),
    st.sampled_from(["", "720p", "1080p"]),
    st.booleans(),
    st.one_of(st.floats(0.01, 1), st.just(1.0)),
    st.sampled_from([0, 1]),
    st.floats(16, 60),
)
def test_a_bill_for_no_more_than_a_frame_beyond_what_was_asked_stays_within_the_estimate(
    model, seconds, resolution, audio, share, frames_more, fps
):
    if resolution and resolution not in {tier.resolution for tier in PRICES[model].tiers}:
        resolution = ""
    estimate = video_price(model, seconds=seconds, resolution=resolution, audio=audio)
    metrics = {"video_output_duration_seconds": seconds * share + frames_more / fps}
    billed = billed_video(model, metrics=metrics, resolution=resolution, audio=audio, asked_seconds=seconds)
    assert billed <= estimate.high_usd
    assert estimate.low_usd <= estimate.high_usd
