"""The review page: everything of a listing's film in one HTML file that asks no server for anything.

Belongs here: turning a ``Review`` into HTML, what words and numbers look like there.
Does not belong here: gathering (``review.py``), the template, its style and its script (``templates/``).

Whatever comes from a listing is escaped, and a policy inside the page lets only its own script run and nothing load:
a name that is HTML is shown, never obeyed. The same review gives the same bytes.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from luxvid_pipeline import __version__
from luxvid_pipeline.domain.approvals import ApprovalState, Decision
from luxvid_pipeline.review import SMALL_FILM_HEIGHT_PX, Check, Download, Review

_UNITS = {
    "px_s": "px/s",
    "mbit_s": "Mbit/s",
    "kbit_s": "kbit/s",
    "part": "%",
    "s": "s",
    "px": "px",
    "lufs": "LUFS",
    "dbtp": "dBTP",
    "lu": "LU",
    "db": "dB",
    "deg": "°",
    "fps": "fps",
    "usd": "$",
    "percent": "%",
}
_APPROVAL = {
    ApprovalState.NOT_NEEDED: "not asked for",
    ApprovalState.MISSING: "this plan waits for it",
    ApprovalState.APPROVED: "given",
    ApprovalState.REJECTED: "refused",
}
_LOCAL = frozenset({"local", "", "silence"})


def page(review: Review, *, beside: Path | None = None) -> str:
    """Return the review page.

    Args:
        review: What it shows.
        beside: The directory the page will lie in; files under ``review.downloads`` are linked relative to it. None
            links nothing.
    """
    script = _asset("review.js")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; media-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    )
    generated = [each for each in review.scenes if each.engine not in _LOCAL]
    return (
        _environment()
        .get_template("review.html.j2")
        .render(
            review=review,
            version=__version__,
            policy=policy,
            # Both are files of this package, not data: nothing of a listing is in them.
            css=Markup(_asset("review.css")),  # noqa: S704
            script=Markup(script),  # noqa: S704
            facts=list(_facts(review)),
            small=_small_size(review),
            wave=_wave(review),
            checks=[_check(check) for check in review.checks],
            passed=sum(check.passed for check in review.checks),
            film_facts=_film_facts(review),
            downloads=_groups(review.downloads, beside),
            linked=beside is not None and any(file.file for file in review.downloads),
            generated=list(dict.fromkeys(each.engine for each in generated)),
            generated_scenes=[each.title.lower() for each in generated],
            approval=_APPROVAL[review.approval.state],
            decide=f"luxvid approve {review.listing} --plan {review.approval.plan}"
            if review.approval.state is ApprovalState.MISSING
            else "",
            decisions=[_decision(each) for each in review.approval.decisions],
            shown=sum(len(each.pair.photos) for each in review.scenes),
            brief=_brief(review),
        )
    )


def _facts(review: Review) -> Iterable[dict[str, str]]:
    def fact(value: str, name: str, tone: str = "", mark: str = "") -> dict[str, str]:
        return {"value": value, "name": name, "tone": tone, "mark": mark}

    if review.film is None or review.film.is_animatic:
        yield fact("A plan", "the film is not made yet", "warn")
    yield fact(f"{review.duration_s:.1f} s", "long")
    yield fact(f"{len(review.scenes)}", f"of 7 scenes{'' if not review.left_out else ', the rest left out'}")
    if review.film is not None:
        facts = review.film.facts
        yield fact(f"{facts.width_px}×{facts.height_px}", f"at {float(facts.fps):g} fps")
        yield fact(f"{facts.integrated_lufs:.1f}".replace("-", "−"), "LUFS")
    yield fact(_usd(review.cost_usd), "spent")
    failed = sum(not check.passed for check in review.checks)
    stops = sum(not check.passed and check.blocks for check in review.checks)
    if stops:
        yield fact(f"{failed}", "checks failed", "bad", "✕")
    elif failed:
        yield fact(f"{failed}", "warnings", "warn", "!")
    elif review.checks:
        yield fact("All", f"{len(review.checks)} checks hold", "good", "✓")
    if review.warnings:
        yield fact(f"{len(review.warnings)}", "not as asked for", "warn", "!")


def _small_size(review: Review) -> dict[str, int]:
    if review.film is None:
        return {"width": 1280, "height": 720}
    facts = review.film.facts
    return {"width": round(SMALL_FILM_HEIGHT_PX * facts.width_px / facts.height_px), "height": SMALL_FILM_HEIGHT_PX}


def _wave(review: Review) -> dict[str, Any]:
    if review.score is None:
        return {"columns": 1, "path": "", "marks": []}
    peaks = review.score.peaks
    path = "".join(
        f"M{4 * at + 2} {50 - tall:g}V{50 + tall:g}" for at, tall in enumerate(max(1.0, 48 * p) for p in peaks)
    )
    marks = [
        {
            "at": f"{100 * each.starts_s / review.duration_s:.3f}",
            "clock": _clock(each.starts_s),
            "mood": each.mood,
            "wide": f"{100 * each.seconds / review.duration_s:.3f}",
        }
        for each in review.scenes
    ]
    return {"columns": len(peaks), "path": path, "marks": marks}


def _check(check: Check) -> dict[str, Any]:
    tone, sign, said = ("good", "✓", "holds") if check.passed else ("warn", "!", "a warning")
    if not check.passed and check.blocks:
        tone, sign, said = "bad", "✕", "does not hold"
    return {
        "tone": tone,
        "sign": sign,
        "said": said,
        "claim": _sentence(_words(check.name)).rstrip("."),
        "scene": check.scene,
        "about": _words(check.about),
        "passed": check.passed,
        "told": check.told,
        "figures": check.figures,
    }


def _film_facts(review: Review) -> dict[str, Any]:
    if review.film is None:
        return {}
    facts = review.film.facts
    return {
        "size": f"{facts.width_px}×{facts.height_px}",
        "rate": f"{float(facts.fps):g} fps",
        "picture_s": round(float(facts.duration_s), 3),
        "sound_s": round(float(facts.audio_duration_s), 3),
        "loudness_lufs": round(facts.integrated_lufs, 1),
        "true_peak_dbtp": round(facts.true_peak_dbtp, 1),
        "file": _size(facts.bytes),
        "plays_while_loading": "yes" if facts.moov_first else "no",
    }


def _decision(decision: Decision) -> dict[str, str]:
    low, high = _usd(decision.estimate_low_usd), _usd(decision.estimate_high_usd)
    return {
        "verdict": decision.verdict.value.capitalize(),
        "by": decision.by,
        "at": f"{decision.at:%Y-%m-%d %H:%M %Z}",
        "estimate": high if low == high else f"{low} to {high}",
        "because": decision.because,
    }


def _groups(downloads: Sequence[Download], beside: Path | None) -> list[tuple[str, list[dict[str, str]]]]:
    def shown(file: Download) -> dict[str, str]:
        href = (
            ""
            if beside is None or file.file is None
            else quote(os.path.relpath(file.file, beside).replace(os.sep, "/"))
        )
        return {"name": file.name, "size": _size(file.bytes), "href": href, "address": file.address}

    return [
        (group, [shown(file) for file in found]) for group, found in groupby(downloads, key=lambda file: file.group)
    ]


def _brief(review: Review) -> list[tuple[str, str]]:
    brief, brand = review.manifest.brief, review.manifest.brand
    told = [
        ("Goal", brief.goal),
        ("Audience", brief.audience),
        ("Messages", "; ".join(brief.key_messages)),
        ("Tone", ", ".join(brand.tone)),
        ("Avoid", ", ".join(brand.avoid)),
    ]
    return [(name, words) for name, words in told if words]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("luxvid_pipeline"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "jpeg": lambda data: f"data:image/jpeg;base64,{base64.b64encode(data).decode()}",
        "mp4": lambda data: f"data:video/mp4;base64,{base64.b64encode(data).decode()}",
        "clock": _clock,
        "words": _words,
        "sentence": _sentence,
        "percent": lambda share: round(100 * max(0.0, min(1.0, share))),
        "usd": _usd,
        "figure": _figure,
        "maker": lambda engine: "the local camera" if engine == "local" else engine,
        "player": lambda engine: "the local orchestra" if engine == "local" else engine,
    }
    return environment


def _asset(name: str) -> str:
    return files("luxvid_pipeline").joinpath("templates", name).read_text(encoding="utf-8")


def _clock(seconds: float) -> str:
    """``0:04``; tenths only where there are any."""
    whole, tenths = divmod(round(seconds * 10), 10)
    return f"{whole // 60}:{whole % 60:02d}" + (f".{tenths}" if tenths else "")


def _words(name: str) -> str:
    """A name of the program in plain words: ``true_peak_dbtp`` is ``true peak``; its unit follows the figure."""
    return name.removesuffix(f"_{_unit_of(name)}").replace("_", " ")


def _unit_of(name: str) -> str:
    """The end of a name that stands for a unit; empty for none."""
    return next((end for end in _UNITS if name.endswith(f"_{end}")), "")


def _sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def _figure(value: float | str, name: str) -> str:
    """A value with the unit that its name ends in."""
    end = _unit_of(name)
    unit = _UNITS.get(end, "")
    if isinstance(value, str):
        return value
    if unit == "$":
        return _usd(value)
    if end == "part":
        value = round(100 * value, 1)
    shown = f"{value:.4g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}"
    shown = "0" if shown == "-0" else shown
    return f"{shown} {unit}".strip().replace("-", "−").replace(" °", "°")


def _usd(amount: Decimal | float) -> str:
    exact = Decimal(str(amount))
    return f"${exact:.2f}" if exact == exact.quantize(Decimal("0.01")) else f"${exact:.4f}"


def _size(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{max(1, round(count / 1000))} kB"
