"""What the ledger's rows say about each model: how often it delivers, how fast, at what price, how faithfully.

Belongs here: sums over attempts that are more than the ledger's own questions answer.
Does not belong here: reading the rows (``payments.py``), tables and pictures for people (``assets/accounts.py``).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from statistics import fmean, median

from luxvid_pipeline.domain.payments import ZERO_USD, Payment, PaymentState
from luxvid_pipeline.ledger.payments import Entry

REFUSED = "content refused"
"""How the reason of a refusal begins, whichever vendor refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFidelity:
    """How closely one clip keeps to the photos it was shot from.

    Attributes:
        model: Who shot it.
        first_ssim: Likeness of its first frame and the first photo, up to 1; None where it was not measured.
        last_ssim: The same of its last frame and the last photo; None also for a clip from one photo.
    """

    model: str
    first_ssim: float | None
    last_ssim: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOutcome:
    """What became of one take of a scene.

    Attributes:
        model: Who shot it.
        passed: Whether nothing blocked it at the gate.
        chosen: Whether it is the clip.
        faults: Names of its faults.
    """

    model: str
    passed: bool
    chosen: bool
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScore:
    """What one model did for its money.

    Attributes:
        vendor: ``replicate``, ``xai`` or ``openai``.
        model: The vendor's name of it.
        attempts: Requests sent or about to be, each further try counted again.
        delivered: Attempts whose result is on the shelf: clips, stages of a score, answers.
        refused: Attempts whose content the vendor refused.
        failed: Attempts that failed for any other reason.
        under_way: Attempts that are neither yet, those that a person has to decide about included.
        predict_s: Mean seconds of work a delivered result took, as the vendor reports it; None where it does not.
        wait_s: Median seconds from sending to having the result, as LuxVid saw it; None while nothing is delivered.
        cost_usd: What all attempts cost, in dollars.
        delivered_usd: ``cost_usd`` for each delivered result, so failures make it dearer; None without one.
        clips_measured: Clips in the store whose likeness was measured.
        first_frame_ssim: Mean of their first frames; None without one.
        last_frame_ssim: Mean of their last frames; None without one.
        takes: Takes in the store that went through the gate.
        takes_failed: Those that something blocked.
        takes_per_clip: Takes for each one that was chosen; None while none was.
        faults: Their faults, the commonest first, each with how often: ``frozen tail (3), bent lines (1)``.
    """

    vendor: str
    model: str
    attempts: int
    delivered: int
    refused: int
    failed: int
    under_way: int
    predict_s: float | None
    wait_s: float | None
    cost_usd: Decimal
    delivered_usd: Decimal | None
    clips_measured: int
    first_frame_ssim: float | None
    last_frame_ssim: float | None
    takes: int = 0
    takes_failed: int = 0
    takes_per_clip: float | None = None
    faults: str = ""


def score_models(
    attempts: Iterable[Entry], clips: Sequence[ClipFidelity] = (), takes: Sequence[TakeOutcome] = ()
) -> list[ModelScore]:
    """Return one score a vendor and model, in this order.

    Args:
        attempts: All attempts, not only each request's last: what failed before counts too.
        clips: Clips of any model; those of models without an attempt are left out.
        takes: Takes of any model, likewise.
    """

    def name(entry: Entry) -> tuple[str, str]:
        return entry.payment.vendor, entry.payment.model

    groups = groupby(sorted(attempts, key=name), key=name)
    return [_score(vendor, model, list(entries), clips, takes) for (vendor, model), entries in groups]


def _score(
    vendor: str,
    model: str,
    entries: Sequence[Entry],
    clips: Sequence[ClipFidelity],
    takes: Sequence[TakeOutcome],
) -> ModelScore:
    delivered = [entry for entry in entries if entry.payment.state is PaymentState.DELIVERED]
    failed = [entry.payment.reason for entry in entries if entry.payment.state is PaymentState.FAILED]
    refused = sum(reason.startswith(REFUSED) for reason in failed)
    cost_usd = sum((entry.payment.cost_usd or ZERO_USD for entry in entries), ZERO_USD)
    own = [clip for clip in clips if clip.model == model]
    shot = [take for take in takes if take.model == model]
    chosen = sum(take.chosen for take in shot)
    faults = Counter(fault for take in shot for fault in take.faults)
    measured = [clip for clip in own if clip.first_ssim is not None or clip.last_ssim is not None]
    return ModelScore(
        vendor=vendor,
        model=model,
        attempts=len(entries),
        delivered=len(delivered),
        refused=refused,
        failed=len(failed) - refused,
        under_way=len(entries) - len(delivered) - len(failed),
        predict_s=_known(fmean, (_predict_s(entry.payment) for entry in delivered), digits=2),
        wait_s=_known(median, (_wait_s(entry) for entry in delivered), digits=2),
        cost_usd=cost_usd,
        delivered_usd=round(cost_usd / len(delivered), 6) if delivered else None,
        clips_measured=len(measured),
        first_frame_ssim=_known(fmean, (clip.first_ssim for clip in measured), digits=4),
        last_frame_ssim=_known(fmean, (clip.last_ssim for clip in measured), digits=4),
        takes=len(shot),
        takes_failed=sum(not take.passed for take in shot),
        takes_per_clip=round(len(shot) / chosen, 2) if chosen else None,
        faults=", ".join(f"{fault} ({times})" for fault, times in sorted(faults.items(), key=lambda f: (-f[1], f[0]))),
    )


def _predict_s(payment: Payment) -> float | None:
    told = payment.metrics.get("predict_time")
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) and told > 0 else None


def _wait_s(entry: Entry) -> float | None:
    since = entry.payment.sending_since
    return None if since is None else (entry.updated_at - since).total_seconds()


def _known(of: Callable[[list[float]], float], values: Iterable[float | None], *, digits: int) -> float | None:
    """Return a mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return round(of(known), digits) if known else None
