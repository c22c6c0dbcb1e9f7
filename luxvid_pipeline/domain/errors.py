"""Every error LuxVid raises on purpose, as one tree, with the exit code the command line gives it.

Belongs here: error classes and what each one means to whoever reads it.
Does not belong here: vendor exceptions (they stop at ``providers/``), ffmpeg's output (``media/`` turns it into a
``MediaError``), printing.

::

    LuxVidError                     1   something LuxVid was asked to do did not work
    ├── InputError                  2   what somebody handed in cannot be used as it is
    │   ├── ListingError            2   listing.yaml is unreadable or says something impossible
    │   ├── ListingKeyError         2   a listing key is not [a-z0-9-]{1,64}
    │   ├── NoUsablePhotosError     2   the folder holds no photo a film could be made of
    │   └── SettingsError           2   an environment variable or option has a value LuxVid does not know
    ├── StoppedError                3   a person has to decide before this goes on
    │   ├── BudgetExceededError     3
    │   └── ApprovalMissingError    3
    ├── ScenesFailedError           1   some scenes could not be shot; those that could are kept
    ├── TimelineError               1   clips and fades that cannot make a film
    ├── MediaError                  1   ffmpeg or a decoder gave up on a file
    │   ├── DamagedMediaError       1   a stored file is not the one that was recorded
    │   ├── TakesFailedError        1   no take of a scene passed its gate
    │   └── NotDeliverableError     1   a finished package failed a check and must not go out
    ├── StorageError                1   a file could not be kept (disk full, no permission)
    ├── LedgerError                 1   the ledger cannot be read or written, or a step was taken out of turn
    └── ProviderError               1   whoever works behind a port failed
        ├── RetryableProviderError  1   the same request may succeed later (after its retries: unavailable)
        │   └── ResultWaitsError    1   it is paid for and could not be had now; a later run fetches it
        └── PermanentProviderError  1   the same request will fail again
            ├── ContentRefusedError 1   the vendor refuses to make this (safety, rights)
            ├── InvalidRequestError 1   the vendor says the input is wrong, or its schema has changed
            ├── NoCreditError       1   the account has no money or reached its limit
            ├── BadKeyError         1   the key is missing, wrong or not allowed to do this
            └── UnknownPaymentError 1   it may have been paid for already; a person decides (luxvid ledger)

A message says what was wrong, with which file or listing, and what to do about it.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class LuxVidError(Exception):
    """Something LuxVid was asked to do did not work; the message says what, with which file, and the remedy."""

    exit_code: ClassVar[int] = 1


class InputError(LuxVidError):
    """What somebody handed in cannot be used as it is."""

    exit_code: ClassVar[int] = 2


class ListingError(InputError):
    """``listing.yaml`` is unreadable or says something impossible; the message names line and field."""


class ListingKeyError(InputError):
    """A listing key is not ``[a-z0-9-]{1,64}``."""


class NoUsablePhotosError(InputError):
    """The folder holds no photo a film could be made of."""


class SettingsError(InputError):
    """An environment variable or an option has a value LuxVid does not know."""


class StoppedError(LuxVidError):
    """A person has to decide before this goes on."""

    exit_code: ClassVar[int] = 3


class BudgetExceededError(StoppedError):
    """The next paid call would exceed a budget."""


class ApprovalMissingError(StoppedError):
    """The listing asks for an approval that nobody has given yet."""


class ScenesFailedError(LuxVidError):
    """Some scenes could not be shot; those that could are kept, and running again makes only the missing ones."""


class TimelineError(LuxVidError):
    """Clips and fades that cannot make a film."""


class MediaError(LuxVidError):
    """ffmpeg or a decoder gave up on a file."""


class DamagedMediaError(MediaError):
    """A stored file is not the one that was recorded when it was made."""


class TakesFailedError(MediaError):
    """No take of a scene passed its gate.

    Attributes:
        takes: The records of all takes that were shot (``domain/takes.py``), their files still beside the clip.
    """

    def __init__(self, message: str, takes: Sequence[Any] = ()) -> None:
        """Say what was wrong with them."""
        super().__init__(message)
        self.takes = tuple(takes)


class NotDeliverableError(MediaError):
    """A finished package failed a check and must not go out; the message says which, and what was found."""


class StorageError(LuxVidError):
    """A file could not be kept: disk full, no permission, storage unreachable."""


class LedgerError(LuxVidError):
    """The ledger cannot be read or written, or a step was taken by somebody who does not hold the claim."""


class ProviderError(LuxVidError):
    """Whoever works behind a port failed."""


class RetryableProviderError(ProviderError):
    """The same request may succeed later."""


class ResultWaitsError(RetryableProviderError):
    """The vendor took it, or may have, but its result could not be had now: a later run goes on from there."""


class PermanentProviderError(ProviderError):
    """The same request will fail again."""


class ContentRefusedError(PermanentProviderError):
    """The vendor refuses to make this; a reworded prompt, another photo or another engine may work."""


class InvalidRequestError(PermanentProviderError):
    """The vendor says the input is wrong, or its live schema is no longer what the adapter expects."""


class NoCreditError(PermanentProviderError):
    """The vendor's account has no money left or reached its spending limit."""


class BadKeyError(PermanentProviderError):
    """The vendor's key is missing, wrong or not allowed to do this."""


class UnknownPaymentError(PermanentProviderError):
    """It may have been paid for already and nobody can tell; a person decides with ``luxvid ledger``."""
