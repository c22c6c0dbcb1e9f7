"""Which failure of an engine lets the next one of its chain try, and which stops the work.

Belongs here: the one table of that decision, and how a change of engine is worded.
Does not belong here: running a chain (``providers/chains.py``), telling failures apart (each vendor's ``failures.py``).
"""

import errno
from dataclasses import dataclass

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    ContentRefusedError,
    DamagedMediaError,
    InvalidRequestError,
    LedgerError,
    LuxVidError,
    MediaError,
    NoCreditError,
    PermanentProviderError,
    ProviderError,
    ResultWaitsError,
    RetryableProviderError,
    StoppedError,
    StorageError,
    UnknownPaymentError,
)


@dataclass(frozen=True, slots=True)
class FallbackRule:
    """What one kind of failure means for a chain.

    Attributes:
        error: The kind; the first rule that fits counts, so the particular stands before the general.
        moves_on: Whether the next engine of the chain tries.
        told: What happened, in words, for the asset's ``degraded_reason``.
        why: Why it moves on or does not.
    """

    error: type[LuxVidError]
    moves_on: bool
    told: str
    why: str


FALLBACK_RULES: tuple[FallbackRule, ...] = (
    FallbackRule(
        StoppedError, False, "a budget or an approval stopped it", "a person set the limit; a person lifts it"
    ),
    FallbackRule(LedgerError, False, "the ledger cannot be used", "without it nothing is known of what was paid"),
    FallbackRule(UnknownPaymentError, False, "it may be paid for already", "another engine would pay a second time"),
    FallbackRule(NoCreditError, False, "no credit", "the account needs money, not another model"),
    FallbackRule(BadKeyError, False, "the key was refused", "a wrong key is a mistake to be told at once"),
    FallbackRule(ContentRefusedError, True, "refused the content", "another model has other rules"),
    FallbackRule(InvalidRequestError, True, "does not take this input", "another model takes other inputs"),
    FallbackRule(
        ResultWaitsError, False, "has made it, or is at it", "it is paid for: a later run fetches it, another would pay"
    ),
    FallbackRule(RetryableProviderError, True, "was not available", "it was asked again until its deadline"),
    FallbackRule(PermanentProviderError, True, "failed", "the same request would fail again"),
    FallbackRule(ProviderError, True, "failed", "another model may succeed"),
    FallbackRule(StorageError, False, "a file could not be kept", "no engine can do without a disk"),
    FallbackRule(
        DamagedMediaError,
        False,
        "a file is damaged or gone",
        "paid for perhaps: a person restores or forgets it",
    ),
    FallbackRule(MediaError, True, "gave nothing that can be used", "another model may"),
)


def fallback_rule(error: Exception) -> FallbackRule | None:
    """Return the rule for a failure; None for one that is nobody's fault but the program's."""
    return next((rule for rule in FALLBACK_RULES if isinstance(error, rule.error)), None)


_OF_THIS_MACHINE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES}
)
"""No file handle left, no room, a disk that fails or may not be written."""


def is_of_this_machine(error: MediaError) -> bool:
    """Return whether a file could not be read or written for a reason of this machine's, whatever is in it."""
    cause: BaseException | None = error
    while cause is not None and getattr(cause, "errno", None) not in _OF_THIS_MACHINE:
        cause = cause.__cause__
    return cause is not None


def moves_on(error: Exception) -> bool:
    """Return whether the next engine of a chain tries after this failure.

    It does not where this machine could do nothing with what the engine gave: that may be paid for, and the next one's
    would fare no better.
    """
    rule = fallback_rule(error)
    if isinstance(error, MediaError) and is_of_this_machine(error):
        return False
    return rule is not None and rule.moves_on


def film_goes_on_without(error: Exception) -> bool:
    """Return whether a score that failed so is replaced rather than stopping the film: music never stops it.

    Whatever the vendor, the account or a budget says, a score that costs nothing is played instead, and said so. Only
    a broken program, disk or ledger stops the film.
    """
    return isinstance(error, ProviderError | StoppedError | MediaError)


def step_in_words(engine: str, error: Exception) -> str:
    """Return what became of one engine of a chain, for whoever reads why it was not that one."""
    rule = fallback_rule(error)
    return f"{engine} {rule.told if rule else 'failed'} ({error})"
