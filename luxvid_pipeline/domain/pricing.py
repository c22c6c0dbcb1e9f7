"""What each paid model costs: a table with sources and dates, and the sums made from it.

Belongs here: prices, what a request may cost before it is made, what it did cost from the vendor's own figures.
Does not belong here: budgets (``budgets.py``), what was spent (``ledger/``), which sizes and lengths a model offers
(its adapter). No vendor has a price in its API, so this table is kept by hand; a person checks it against the
vendors' pages.

Where only one unconfirmed figure is known, the range runs from it to twice as much, or to the next dearer tier where
there is one. Estimates are rounded up to a micro-dollar. A cost is exact; where the price is uncertain it is booked at
the upper end, so the ledger may overstate what was spent and never understates it.

Source:
    Each price names its own; hardware rates: https://replicate.com/pricing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Any

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.domain.payments import Estimate

MICRO_DOLLAR = Decimal("0.000001")
MILLION = Decimal(1_000_000)


class Unit(StrEnum):
    """What a price is for."""

    SECOND = "second of output"
    OUTPUT = "output"
    HARDWARE_SECOND = "second of hardware"
    TOKEN = "million tokens"  # noqa: S105 - a unit, not a password


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One price of a model.

    Attributes:
        low_usd: Price in dollars per unit.
        high_usd: The same where it is certain, otherwise the most it may be.
        resolution: ``1080p``, or the model's mode (``pro``); empty for all.
        audio: Whether it is the price with or without sound; None for both.
        up_to_s: Longest clip at this price, in seconds; None for all.
    """

    low_usd: Decimal
    high_usd: Decimal
    resolution: str = ""
    audio: bool | None = None
    up_to_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTier:
    """Prices of a language model, in dollars per million tokens.

    Attributes:
        prompt_usd: Of what was sent and is new.
        prompt_high_usd: The same where the vendor also charges for keeping it in its cache.
        cached_usd: Of what was sent before and is still in the vendor's cache.
        completion_usd: Of what came back.
        long_prompt_tokens: From this many prompt tokens the request is dearer; None for never.
        long_prompt_factor: By how much, for the prompt.
        long_completion_factor: By how much, for the completion.
        reasoning_apart: Whether the vendor's ``completion_tokens`` leaves out ``reasoning_tokens``.
    """

    prompt_usd: Decimal
    prompt_high_usd: Decimal
    cached_usd: Decimal
    completion_usd: Decimal
    long_prompt_tokens: int | None = None
    long_prompt_factor: Decimal = Decimal(1)
    long_completion_factor: Decimal = Decimal(1)
    reasoning_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one model costs, who says so, and when it was read.

    Attributes:
        model: The vendor's name of it; language models as ``xai/…`` and ``openai/…``.
        unit: What the tiers are for.
        tiers: One or more, except for language models.
        tokens: For language models.
        hardware_s: For models billed by hardware: fewest and most seconds a request is expected to take.
        hardware_s_per_s: For those that make sound of a chosen length: fewest and most seconds for each second made.
        source: Where the figures stand.
        read_on: When, as far as known (ISO date, or the month or year).
    """

    model: str
    unit: Unit
    tiers: tuple[Tier, ...] = ()
    tokens: TokenTier | None = None
    hardware_s: tuple[int, int] = (0, 0)
    hardware_s_per_s: tuple[int, int] = (0, 0)
    source: str
    read_on: str

    @property
    def is_certain(self) -> bool:
        """Whether no tier has a range."""
        if self.tokens is not None:
            return self.tokens.prompt_usd == self.tokens.prompt_high_usd
        return all(tier.low_usd == tier.high_usd for tier in self.tiers)


def _tier(
    usd: str, resolution: str = "", *, most: str = "", audio: bool | None = None, up_to_s: int | None = None
) -> Tier:
    return Tier(
        low_usd=Decimal(usd), high_usd=Decimal(most or usd), resolution=resolution, audio=audio, up_to_s=up_to_s
    )


def _per_second(model: str, *tiers: Tier, source: str, read_on: str) -> Price:
    return Price(model=model, unit=Unit.SECOND, tiers=tiers, source=source, read_on=read_on)


def _per_output(model: str, *tiers: Tier, source: str, read_on: str) -> Price:
    return Price(model=model, unit=Unit.OUTPUT, tiers=tiers, source=source, read_on=read_on)


def _xai(model: str, prompt: str, cached: str, completion: str) -> Price:
    return Price(
        model=f"xai/{model}",
        unit=Unit.TOKEN,
        tokens=TokenTier(
            prompt_usd=Decimal(prompt),
            prompt_high_usd=Decimal(prompt),
            cached_usd=Decimal(cached),
            completion_usd=Decimal(completion),
            long_prompt_tokens=200_000,
            long_prompt_factor=Decimal(2),
            long_completion_factor=Decimal(2),
            reasoning_apart=True,
        ),
        source="https://docs.x.ai/developers/models",
        read_on="2026-10-17",
    )


def _openai(
    model: str, prompt: str, cached: str, completion: str, *, cache_write: str = "", long: bool = False
) -> Price:
    return Price(
        model=f"openai/{model}",
        unit=Unit.TOKEN,
        tokens=TokenTier(
            prompt_usd=Decimal(prompt),
            prompt_high_usd=Decimal(cache_write or prompt),
            cached_usd=Decimal(cached),
            completion_usd=Decimal(completion),
            long_prompt_tokens=272_000 if long else None,
            long_prompt_factor=Decimal(2),
            long_completion_factor=Decimal("1.5"),
        ),
        source="https://developers.openai.com/api/docs/models",
        read_on="2026-11-21",
    )


_MODEL_PAGES = "prices read from Replicate's model pages by a public script"
_PAGES_CHECKED = "public test table, checked against Replicate's schemas and price pages"
_MULMOCAST = "https://github.com/receptron/mulmocast-cli"
_SCHEMA_NOTES = "public schema notes marked verified"
_SCHEMA_COPY = "public copy of Replicate's schema and price"
_RESELLERS = "reseller tables only"

_TABLE = (
    # Video, by the second of the finished clip.
    _per_second(
        "google/veo-3.1",
        _tier("0.20", audio=False),
        _tier("0.40", audio=True),
        source=_SCHEMA_NOTES,
        read_on="2026-04",
    ),
    _per_second(
        "google/veo-3.1-fast",
        _tier("0.10", audio=False),
        _tier("0.15", audio=True),
        source=_SCHEMA_NOTES,
        read_on="2026-04",
    ),
    _per_second(
        "google/veo-3.1-lite",
        _tier("0.05", "720p"),
        _tier("0.08", "1080p"),
        source=_PAGES_CHECKED,
        read_on="2026-10-08",
    ),
    _per_second(
        "google/veo-3",
        _tier("0.20", audio=False),
        _tier("0.40", audio=True),
        source="the JSON embedded in Replicate's page of the model",
        read_on="2026",
    ),
    # Unconfirmed on the model's page; the upper end is its launch price.
    _per_second(
        "google/veo-3-fast",
        _tier("0.10", audio=False, most="0.40"),
        _tier("0.15", audio=True, most="0.40"),
        source="third-party table; silent as the ratio of veo-3.1-fast",
        read_on="2026",
    ),
    # 768p and 512p are unconfirmed: at most the next tier's price.
    _per_second(
        "minimax/hailuo-02",
        _tier("0.017", "512p", most="0.045"),
        _tier("0.045", "768p", most="0.08"),
        _tier("0.08", "1080p"),
        source=_MULMOCAST,
        read_on="2026-08",
    ),
    _per_second("minimax/hailuo-02-fast", _tier("0.0166"), source=_MULMOCAST, read_on="2026-07"),
    _per_output(
        "minimax/hailuo-2.3",
        _tier("0.28", "768p", most="0.56", up_to_s=6),
        _tier("0.56", "768p", most="1.12", up_to_s=10),
        _tier("0.49", "1080p", most="0.98", up_to_s=6),
        source=_RESELLERS,
        read_on="2026",
    ),
    _per_output(
        "minimax/hailuo-2.3-fast",
        _tier("0.19", "768p", most="0.38", up_to_s=6),
        _tier("0.33", "1080p", most="0.66", up_to_s=6),
        source=_RESELLERS,
        read_on="2026",
    ),
    _per_second(
        "bytedance/seedance-1-lite",
        _tier("0.018", "480p"),
        _tier("0.036", "720p"),
        _tier("0.072", "1080p"),
        source=_MODEL_PAGES,
        read_on="2026-10-03",
    ),
    _per_second(
        "bytedance/seedance-1-pro",
        _tier("0.03", "480p"),
        _tier("0.06", "720p"),
        _tier("0.15", "1080p"),
        source=_MODEL_PAGES,
        read_on="2026-10-03",
    ),
    _per_second(
        "bytedance/seedance-1-pro-fast",
        _tier("0.015", "480p"),
        _tier("0.025", "720p"),
        _tier("0.06", "1080p"),
        source=_SCHEMA_COPY,
        read_on="2025-12",
    ),
    # With sound "about twice" is all that is known.
    _per_second(
        "bytedance/seedance-1.5-pro",
        _tier("0.013", "480p", audio=False),
        _tier("0.026", "720p", audio=False),
        _tier("0.06", "1080p", audio=False),
        _tier("0.026", "480p", audio=True, most="0.052"),
        _tier("0.052", "720p", audio=True, most="0.104"),
        _tier("0.12", "1080p", audio=True, most="0.24"),
        source=_PAGES_CHECKED,
        read_on="2026-10-08",
    ),
    _per_second(
        "bytedance/seedance-2.0",
        _tier("0.08", "480p"),
        _tier("0.18", "720p"),
        _tier("0.45", "1080p"),
        source="third-party table",
        read_on="2026",
    ),
    _per_second("bytedance/seedance-2.0-fast", _tier("0.15", most="0.22"), source=_RESELLERS, read_on="2026"),
    _per_second(
        "kwaivgi/kling-v2.1",
        _tier("0.05", "720p"),
        _tier("0.09", "1080p"),
        source=_MODEL_PAGES,
        read_on="2026-10-03",
    ),
    _per_second("kwaivgi/kling-v2.5-turbo-pro", _tier("0.07"), source=_PAGES_CHECKED, read_on="2026-10-08"),
    _per_second(
        "kwaivgi/kling-v3-video",
        _tier("0.168", "720p", audio=False),
        _tier("0.252", "720p", audio=True),
        _tier("0.224", "1080p", audio=False),
        _tier("0.336", "1080p", audio=True),
        source=_SCHEMA_NOTES,
        read_on="2026-04",
    ),
    _per_second("luma/ray-2-720p", _tier("0.18", most="0.36"), source="public tables of mid-2025", read_on="2025"),
    _per_output(
        "wan-video/wan-2.2-i2v-fast",
        _tier("0.05", "480p"),
        _tier("0.11", "720p", most="0.145"),  # dearer when frames are interpolated
        source=_PAGES_CHECKED,
        read_on="2026-10-08",
    ),
    # Images and music.
    _per_output("google/nano-banana", _tier("0.039"), source=_MODEL_PAGES, read_on="2026-10-03"),
    _per_output("stability-ai/stable-audio-2.5", _tier("0.20"), source=_SCHEMA_COPY, read_on="2025-12"),
    _per_second("elevenlabs/music", _tier("0.0083"), source=_SCHEMA_COPY, read_on="2025-12"),
    # An A100 (80 GB) by the published example, 66 s for 8 s of sound; an H100 is the dearest it can run on.
    Price(
        model="meta/musicgen",
        unit=Unit.HARDWARE_SECOND,
        tiers=(_tier("0.001400", most="0.001525"),),
        hardware_s=(20, 300),
        hardware_s_per_s=(4, 12),
        source="https://replicate.com/pricing; time from the model's published example (npm "
        "all-the-public-replicate-models 1.352.0)",
        read_on="2026",
    ),
    # 9 s in the published example. Its hardware is unconfirmed: a T4, at most an L40S.
    Price(
        model="riffusion/riffusion",
        unit=Unit.HARDWARE_SECOND,
        tiers=(_tier("0.000225", most="0.000975"),),
        hardware_s=(5, 30),
        source="https://replicate.com/pricing; time from the model's published example (npm "
        "all-the-public-replicate-models 1.352.0)",
        read_on="2026",
    ),
    # Language models.
    _xai("grok-4.20-0309-non-reasoning", "1.25", "0.20", "2.50"),
    _xai("grok-4.20-non-reasoning", "1.25", "0.20", "2.50"),
    _xai("grok-4.3", "1.25", "0.20", "2.50"),
    _xai("grok-4.5", "2", "0.50", "6"),
    _xai("grok-4.6", "2", "0.50", "6"),
    _xai("grok-4.7", "2", "0.50", "6"),
    _openai("gpt-6-luna", "0.10", "0.01", "0.50", cache_write="0.125", long=True),
    _openai("gpt-5.6-luna", "0.20", "0.02", "1.20", long=True),
    _openai("gpt-5.4-nano", "0.20", "0.02", "1.25"),
    _openai("gpt-5.4-mini", "0.75", "0.075", "4.50"),
    _openai("gpt-4o-mini", "0.15", "0.15", "0.60"),
    _openai("gpt-4.1-mini", "0.40", "0.40", "1.60"),
)
PRICES: Mapping[str, Price] = {price.model: price for price in _TABLE}

# More than one frame of any video model: the slowest makes sixteen a second.
_FRAME_MORE_S = Decimal("0.1")

# Kling names its sizes by mode.
_MODES = {"standard": "720p", "std": "720p", "pro": "1080p"}


def price_of(model: str) -> Price:
    """Return the price of a model; language models are known with and without their vendor's prefix.

    Raises:
        SettingsError: It has no price here, and LuxVid asks for nothing that it cannot cap.
    """
    for name in (model, f"xai/{model}", f"openai/{model}"):
        if name in PRICES:
            return PRICES[name]
    raise SettingsError(
        f"no price is known for the model {model!r}, so it is not used; models with a price: {', '.join(PRICES)}"
    )


def video_price(model: str, *, seconds: float, resolution: str, audio: bool) -> Estimate:
    """Return what one clip may cost.

    By the second, the upper end holds one frame more than was asked for: some models give 97 frames of 24 a second for
    4 s, and bill them.

    Args:
        model: A video model, priced by the second or by the clip.
        seconds: Length asked of the model, after rounding to what it offers; above 0.
        resolution: ``720p``, ``1080p``, … or Kling's ``standard`` and ``pro``; empty for all the model has.
        audio: Whether the model is asked for sound.

    Raises:
        SettingsError: Model, size or length has no price.
    """
    price = _priced_by(model, Unit.SECOND, Unit.OUTPUT)
    tiers = _tiers(price, resolution, audio=audio, seconds=seconds)
    if price.unit is Unit.OUTPUT:
        return _estimate(tiers, Decimal(1), Decimal(1))
    asked_s = _positive(model, "seconds", seconds)
    expected = _estimate(tiers, asked_s, asked_s)
    return replace(expected, high_usd=_estimate(tiers, asked_s, asked_s + _FRAME_MORE_S).high_usd)


def output_price(model: str, *, count: int = 1, resolution: str = "") -> Estimate:
    """Return what ``count`` outputs of a model may cost that is priced by the output: images, clips, files.

    Raises:
        SettingsError: The model is not priced that way, or not at this ``resolution``.
    """
    price = _priced_by(model, Unit.OUTPUT)
    quantity = _positive(model, "count", count)
    return _estimate(_tiers(price, resolution, audio=None, seconds=0), quantity, quantity)


def hardware_price(model: str, *, seconds: float | None = None, made_s: float | None = None) -> Estimate:
    """Return what one request may cost to a model billed by the time its hardware works.

    Args:
        model: ``meta/musicgen`` or ``riffusion/riffusion``.
        seconds: How long the hardware will work, if that is known.
        made_s: Otherwise, how much sound is asked for in seconds; without it the model's whole range counts.

    Raises:
        SettingsError: The model is not billed by hardware.
    """
    price = _priced_by(model, Unit.HARDWARE_SECOND)
    if seconds is not None:
        fewest = most = _positive(model, "seconds", seconds)
    elif made_s is not None and price.hardware_s_per_s != (0, 0):
        # The most also covers what does not depend on the length: reading the input, writing the file.
        made = _positive(model, "made_s", made_s)
        fewest, most = made * price.hardware_s_per_s[0], made * price.hardware_s_per_s[1] + 10
    else:
        fewest, most = (Decimal(bound) for bound in price.hardware_s)
    return _estimate(price.tiers, fewest, most)


def token_price(
    model: str, *, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0, reasoning_tokens: int = 0
) -> Estimate:
    """Return what a language model's answer may cost, or did cost where the vendor does not say.

    Args:
        model: With or without its vendor's prefix (``xai/grok-4.3``, ``grok-4.3``).
        prompt_tokens: All that is sent, pictures and cached tokens included.
        completion_tokens: As the vendor counts them: xAI without reasoning, OpenAI with it.
        cached_tokens: Those of the prompt that the vendor had in its cache.
        reasoning_tokens: Added where the vendor leaves them out of ``completion_tokens``.

    Raises:
        SettingsError: The model has no price by the token.

    Source:
        xAI's ``total_tokens`` is the sum of prompt, completion and reasoning tokens: https://docs.x.ai
    """
    low, high = _token_cost(model, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens)
    return Estimate(low_usd=_up(low), high_usd=_up(high))


def billed_tokens(
    model: str, *, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0, reasoning_tokens: int = 0
) -> Decimal:
    """Return what an answer did cost, in dollars, exact; arguments as in ``token_price``."""
    return _token_cost(model, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens)[1]


def billed_video(
    model: str, *, metrics: Mapping[str, Any], resolution: str, audio: bool, asked_seconds: float
) -> Decimal:
    """Return what a finished clip did cost, in dollars, exact.

    Args:
        model: As in ``video_price``.
        metrics: The vendor's; its ``video_output_duration_seconds``, ``resolution_target`` and ``with_audio`` count
            before what was asked.
        resolution: As it was asked.
        audio: As it was asked.
        asked_seconds: Billed where the vendor gives no duration.
    """
    price = _priced_by(model, Unit.SECOND, Unit.OUTPUT)
    seconds = _reported(metrics.get("video_output_duration_seconds")) or Decimal(str(asked_seconds))
    made_as = str(metrics.get("resolution_target") or "").lower()
    if any(tier.resolution == _MODES.get(made_as, made_as) for tier in price.tiers):
        resolution = made_as or resolution
    heard = metrics.get("with_audio")
    tiers = _tiers(price, resolution, audio=heard if isinstance(heard, bool) else audio, seconds=float(asked_seconds))
    if price.unit is Unit.SECOND:
        return _most(tiers) * seconds
    return _most(tiers) * (_reported(metrics.get("video_output_count")) or 1)


def billed_hardware(model: str, metrics: Mapping[str, Any], *, made_s: float | None = None) -> Decimal:
    """Return what a request did cost that is billed by hardware: ``predict_time`` times the rate, exact.

    Without a ``predict_time`` the most it was expected to cost is booked, which is what was reserved.

    Args:
        model: As in ``hardware_price``.
        metrics: The vendor's.
        made_s: As in ``hardware_price``; without it the model's whole range counts.
    """
    price = _priced_by(model, Unit.HARDWARE_SECOND)
    took_s = _reported(metrics.get("predict_time"))
    return hardware_price(model, made_s=made_s).high_usd if took_s is None else _most(price.tiers) * took_s


def _priced_by(model: str, *units: Unit) -> Price:
    price = price_of(model)
    if price.unit not in units:
        raise SettingsError(
            f"{price.model} is priced by the {price.unit}, not by the {' or the '.join(units)}: it cannot do this work"
        )
    return price


def _tiers(price: Price, resolution: str, *, audio: bool | None, seconds: float) -> tuple[Tier, ...]:
    """Return the tiers that apply; more than one where the question leaves it open."""
    wanted = _MODES.get(resolution.lower(), resolution.lower())
    fits = tuple(
        tier
        for tier in price.tiers
        if (not wanted or tier.resolution in ("", wanted))
        and (audio is None or tier.audio in (None, audio))
        and (tier.up_to_s is None or seconds <= tier.up_to_s)
    )
    if not fits:
        sizes = ", ".join(dict.fromkeys(tier.resolution for tier in price.tiers if tier.resolution)) or "any size"
        raise SettingsError(f"{price.model} has no price for {seconds:g} s at {resolution!r}; it has one for {sizes}")
    if price.unit is Unit.OUTPUT and seconds:
        shortest = {tier.resolution: tier for tier in sorted(fits, key=lambda tier: -(tier.up_to_s or 0))}
        return tuple(shortest.values())
    return fits


def _token_cost(
    model: str, prompt_tokens: int, completion_tokens: int, cached_tokens: int, reasoning_tokens: int
) -> tuple[Decimal, Decimal]:
    tokens = _priced_by(model, Unit.TOKEN).tokens
    if tokens is None or min(prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens) < 0:
        raise SettingsError(f"{model}: tokens are counted from 0 and priced by the million")
    is_long = tokens.long_prompt_tokens is not None and prompt_tokens >= tokens.long_prompt_tokens
    sent_factor = tokens.long_prompt_factor if is_long else Decimal(1)
    made_factor = tokens.long_completion_factor if is_long else Decimal(1)
    cached = min(cached_tokens, prompt_tokens)
    made = completion_tokens + (reasoning_tokens if tokens.reasoning_apart else 0)

    def cost(prompt_usd: Decimal) -> Decimal:
        sent = prompt_usd * (prompt_tokens - cached) + tokens.cached_usd * cached
        return (sent * sent_factor + tokens.completion_usd * made * made_factor) / MILLION

    return cost(tokens.prompt_usd), cost(tokens.prompt_high_usd)


def _estimate(tiers: Iterable[Tier], fewest: Decimal, most: Decimal) -> Estimate:
    tiers = tuple(tiers)
    return Estimate(low_usd=_up(min(tier.low_usd for tier in tiers) * fewest), high_usd=_up(_most(tiers) * most))


def _most(tiers: Iterable[Tier]) -> Decimal:
    return max(tier.high_usd for tier in tiers)


def _up(usd: Decimal) -> Decimal:
    return usd.quantize(MICRO_DOLLAR, rounding=ROUND_CEILING)


def _positive(model: str, what: str, value: float) -> Decimal:
    if not 0 < value < 1_000_000:  # also refuses not-a-number
        raise SettingsError(f"{model}: {what} has to be above 0, not {value}")
    return Decimal(str(value))


def _reported(value: Any) -> Decimal | None:
    """Return a vendor's figure, or None where it is missing or makes no sense."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1_000_000:
        return None
    return Decimal(str(value))
