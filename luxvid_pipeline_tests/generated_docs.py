"""The pages of ``docs/`` that are tables of the program's own: failures and what follows, prices.

Belongs here: turning those tables into Markdown.
Does not belong here: the tables (each module's own), what else the documentation says.

Usage: ``python -m luxvid_pipeline_tests.generated_docs`` writes the pages anew; a test compares them.
"""

import argparse
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from luxvid_pipeline.domain.fallback import FALLBACK_RULES, fallback_rule
from luxvid_pipeline.domain.payments import Estimate
from luxvid_pipeline.domain.pricing import PRICES, Price, Tier, Unit, video_price
from luxvid_pipeline.providers.replicate import failures as replicate
from luxvid_pipeline.providers.replicate.models import VIDEO_MODELS, choose_take
from luxvid_pipeline.providers.vision import failures as vision

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMAND = "python -m luxvid_pipeline_tests.generated_docs"
_NOTE = f"Written by `{COMMAND}` from the program's own tables; a test holds it to them."

_CHARGED = {
    vision.Charged.NOTHING: "$0",
    vision.Charged.PERHAPS: "the estimate's upper end",
    vision.Charged.AS_REPORTED: "as reported, else $0",
}


def failures_page() -> str:
    """Return ``docs/failures.md``: every failure that is told apart, and what it leads to."""
    return (
        "\n\n".join(
            (
                "# What happens when something fails",
                _prose(
                    f"{_NOTE} How to read it: every failure of a vendor becomes one error. The first table says what "
                    "the error means for a chain of engines, the others which failure becomes which error. *Goes on* "
                    "means that the next engine of the chain does the work, and the result says so. At the end of a "
                    "chain, and where the film stops, there is one line that names what failed and what to do; "
                    "everything finished is kept, and the same command goes on from there."
                ),
                "## What an error means for a chain of engines",
                "The first row that fits counts.",
                _table(
                    ("error", "what happened", "next engine", "why", "exit code at the end"),
                    [
                        (
                            f"`{rule.error.__name__}`",
                            rule.told,
                            "tries" if rule.moves_on else "does not try",
                            rule.why,
                            rule.error.exit_code,
                        )
                        for rule in FALLBACK_RULES
                    ],
                ),
                "## Replicate: clips, score, images",
                _prose(
                    "*Tried again* means by LuxVid itself, with growing pauses and the vendor's own wait, until a "
                    "deadline. *May be sent later* means that a later run may send the same request; otherwise the "
                    "ledger refuses it, because it would fail again or may be paid for already. A request that may "
                    "have been heard is never sent again before the vendor's list of predictions has said that it was "
                    "not, and an empty list says so only once the request can no longer be under way."
                ),
                _table(
                    (
                        "failure",
                        "how it is recognised",
                        "tried again",
                        "may be sent later",
                        "error",
                        "the film",
                        "advice",
                    ),
                    [
                        (
                            kind.value,
                            _recognised(kind),
                            _yes(rule.again),
                            _yes(rule.may_retry),
                            f"`{rule.error.__name__}`",
                            _film(rule.error),
                            rule.advice,
                        )
                        for kind, rule in replicate.RULES.items()
                    ],
                ),
                "## xAI and OpenAI: tags, storyboard, pairs",
                _prose(
                    "An answer that was paid for and cannot be used (cut off, no JSON, against the facts) is asked for "
                    "once more, the faults named; what is still wrong is done by local rules, photo by photo and scene "
                    "by scene, and marked so. *Booked* is what the ledger counts as spent though no usable answer came."
                ),
                _table(
                    ("failure", "HTTP", "tried again", "may be sent later", "booked", "error", "the film", "advice"),
                    [
                        (
                            row.name,
                            ", ".join(map(str, sorted(row.statuses))) + (", by its words" if row.words else "")
                            if row.statuses
                            else "–",
                            _yes(row.again),
                            _yes(not row.for_good),
                            "as reported, else the estimate's upper end" if row.answered else _CHARGED[row.charged],
                            f"`{row.error.__name__}`",
                            _film(row.error),
                            row.remedy,
                        )
                        for row in (*vision.FAILURES, *_WITHOUT_STATUS)
                    ],
                ),
            )
        )
        + "\n"
    )


_WITHOUT_STATUS = (
    vision.NO_KEY,
    vision.NOT_REACHED,
    vision.NOT_HEARD,
    vision.REFUSED,
    vision.CUT_OFF,
    vision.NO_JSON,
    vision.STRANGE,
)


def prices_page() -> str:
    """Return ``docs/prices.md``: what each model costs, who says so and when it was read."""
    by_unit: Mapping[str, Unit] = {
        "By the second of the clip": Unit.SECOND,
        "By the result": Unit.OUTPUT,
        "By the second of hardware": Unit.HARDWARE_SECOND,
    }
    parts = [
        "# Prices",
        _prose(
            f"{_NOTE} US dollars. No vendor publishes prices in its interface, so the table is kept by hand in "
            "`luxvid_pipeline/domain/pricing.py`: check it against the vendors' pages before spending much. A range "
            "means that the price is not confirmed: estimates show both ends, budgets hold the upper one, and the "
            "upper one is booked. A price makes no engine: what can be chosen is in "
            "[hosted engines](hosted-engines.md)."
        ),
    ]
    for title, unit in by_unit.items():
        rows = [row for price in PRICES.values() if price.unit is unit for row in _price_rows(price)]
        parts += [f"## {title}", _table(("model", "for", "price", "source", "read"), rows)]
    parts[2:2] = [
        "## A scene of four seconds",
        _prose(
            "What is asked of each video model for one scene, from two photos where the model takes a last frame, "
            "always without sound; a film has seven scenes at most. Models offer only some lengths: the shortest that "
            "is long enough is asked for, and billed. One take each: `LUXVID_MAX_TAKES` allows more where one fails. "
            "Where the price is by the second, a tenth of a second more is reserved: some models give, and bill, a "
            "frame more than was asked for."
        ),
        _table(("model", "last frame", "asked for", "a scene", "seven scenes"), [_scene_row(m) for m in VIDEO_MODELS]),
    ]
    tokens = [price for price in PRICES.values() if price.tokens is not None]
    parts += [
        "## By the million tokens",
        _table(
            ("model", "sent", "sent, cached", "came back", "source", "read"), [_token_row(price) for price in tokens]
        ),
    ]
    return "\n\n".join(parts) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {"failures.md": failures_page, "prices.md": prices_page}


def _recognised(kind: replicate.Kind) -> str:
    ways = [_http(statuses, pattern) for statuses, pattern, found in replicate._HTTP if found is kind]
    if any(found is kind for _, found in replicate._PREDICTION):
        codes = [code for words, found in replicate._PREDICTION if found is kind for code in re.findall(r"E\d+", words)]
        ways.append("a failed prediction's words" + (f" ({', '.join(codes)}, …)" if codes else ""))
    return "; ".join(ways) or _OTHERWISE[kind]


_OTHERWISE: Mapping[replicate.Kind, str] = {
    replicate.Kind.SCHEMA_CHANGED: "the live schema lacks or changes something that would be sent",
    replicate.Kind.UNREACHABLE: "no connection, or it broke",
    replicate.Kind.TIMED_OUT: "not done by its deadline; it is cancelled",
    replicate.Kind.STOPPED: "cancelled, here or at the vendor",
    replicate.Kind.LOST: "succeeded, but the result is gone at the vendor",
    replicate.Kind.NO_RESULT: "succeeded without a result",
    replicate.Kind.BAD_FILE: "the file is cut off, of another type, or no clip inside",
    replicate.Kind.MODEL_FAILED: "a failed prediction with any other words",
    replicate.Kind.UNKNOWN: "sent, and neither an answer nor the vendor's list tells what became of it",
}


def _http(statuses: range, pattern: str) -> str:
    first, last = statuses[0], statuses[-1]
    told = f"HTTP {first}" if first == last else f"any other HTTP {first} to {last}"
    return f"{told} by its words" if pattern else told


def _film(error: type[Exception]) -> str:
    rule = fallback_rule(error(""))
    return "goes on" if rule is not None and rule.moves_on else "stops"


def _scene_row(name: str) -> Sequence[object]:
    model = VIDEO_MODELS[name]
    take = choose_take(model, 4.0, pair=True)
    price = video_price(name, seconds=take.seconds, resolution=take.resolution, audio=False)
    asked = f"{take.seconds:g} s" + (f", {take.resolution}" if take.resolution else "")
    seven = Estimate(low_usd=price.low_usd * 7, high_usd=price.expected_usd * 7)
    return f"`{name}`", _yes(take.pair), asked, _between(price), _between(seven)


def _between(price: Estimate) -> str:
    low, high = _usd(price.low_usd), _usd(price.expected_usd)
    return low if low == high else f"{low} to {high}"


def _price_rows(price: Price) -> list[Sequence[object]]:
    return [
        (f"`{price.model}`", _tier(tier) or "any", _range(tier), price.source, price.read_on) for tier in price.tiers
    ]


def _tier(tier: Tier) -> str:
    sound = {True: "with sound", False: "silent", None: ""}[tier.audio]
    return ", ".join(filter(None, (tier.resolution, sound, f"up to {tier.up_to_s} s" if tier.up_to_s else "")))


def _range(tier: Tier) -> str:
    return _usd(tier.low_usd) if tier.low_usd == tier.high_usd else f"{_usd(tier.low_usd)} to {_usd(tier.high_usd)}"


def _token_row(price: Price) -> Sequence[object]:
    tokens = price.tokens
    if tokens is None:
        raise ValueError(price.model)
    sent = _usd(tokens.prompt_usd)
    if tokens.prompt_high_usd != tokens.prompt_usd:
        sent += f" to {_usd(tokens.prompt_high_usd)}"
    if tokens.long_prompt_tokens:
        sent += f"; × {tokens.long_prompt_factor} from {tokens.long_prompt_tokens:,} tokens"
    made = _usd(tokens.completion_usd)
    return f"`{price.model}`", sent, _usd(tokens.cached_usd), made, price.source, price.read_on


def _usd(amount: Decimal) -> str:
    digits = format(amount.normalize(), "f").partition(".")[2]
    return f"${amount:.{max(2, len(digits))}f}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _prose(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 120))


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    """Write the pages."""
    argparse.ArgumentParser(
        description="Write the pages of docs/ that come from the program's own tables."
    ).parse_args()
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
