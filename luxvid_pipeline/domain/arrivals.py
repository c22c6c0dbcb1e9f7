"""When a folder of the inbox has arrived, whether it has changed, and what is wrong with it.

Belongs here: what is seen of a folder, what is remembered of it between two looks, what follows from both.
Does not belong here: looking (``resources/inbox.py``), requesting runs (``automation/arrivals.py``), decoding photos.

::

    first look ─► ARRIVING ─┬─ complete: listing.yaml and every photo it names ─┬─► judged ─┬─► REQUESTED ─► CONFIRMED
        ▲                   └─ nothing changed for the settle time ─────────────┘           └─► REJECTED
        └───────────────────────────────────── anything changes ◄───────────────────────────────┘

Two hashes tell changes. A *look* is made of names, sizes and times: it is cheap, and decides whether a folder is worth
opening. The *content* is made of the files' bytes: it decides whether a listing is directed again, so copying the same
photos once more costs nothing.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from luxvid_pipeline.domain.listing import MANIFEST_NAME, ListingManifest, PhotoEntry

REJECTED_NAME = "REJECTED.txt"
"""The file beside a rejected listing that says why; it is no part of the listing."""

TRY_AGAIN_S = 30.0
"""After how long a folder that waits for another one's key is judged again."""

_UNFINISHED_ENDINGS = (".part", ".tmp")
_HASH_CHARACTERS = 16
_NOT_TEXT = re.compile("[\ud800-\udfff]")  # what Python makes of a file's name that is not UTF-8
_STEADY_S = 0.9  # Just under the second between two ticks: unchanged from one look to the next.


class State(StrEnum):
    """What is being done about a folder as it looks now."""

    ARRIVING = "a"
    INCOMPLETE = "i"  # its manifest has been read and names what is not there yet: nothing to do before it changes
    REQUESTED = "q"  # a run was asked for, and nobody has seen it yet
    CONFIRMED = "c"  # the run exists
    REJECTED = "r"


class Step(StrEnum):
    """What to do with a folder now."""

    NOTHING = "nothing"
    WAIT = "wait"
    JUDGE = "judge"
    CONFIRM = "confirm"


class Wholeness(StrEnum):
    """Whether a file has come in to its end."""

    WHOLE = "whole"
    UNFINISHED = "unfinished"
    UNKNOWN = "unknown"  # its format does not tell


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file of a folder, unopened.

    Attributes:
        name: Path inside the folder, with ``/``.
        bytes: Its size.
        stamp: Changes whenever the file does: its modification time, an object's ETag.
    """

    name: str
    bytes: int
    stamp: str


@dataclass(frozen=True, slots=True)
class SeenFolder:
    """A folder of the inbox as it looks now.

    Attributes:
        name: Its name in the inbox.
        files: Its files, subfolders' too; no hidden ones, no litter, not ``REJECTED.txt``.
        trouble: Why it cannot be looked into; empty if it can.
    """

    name: str
    files: tuple[SeenFile, ...] = ()
    trouble: str = ""

    @property
    def look(self) -> str:
        """Hash of names, sizes and times."""
        return _short_hash([self.trouble, *(f"{file.name}\0{file.bytes}\0{file.stamp}" for file in self.files)])

    @property
    def has_manifest(self) -> bool:
        """Whether ``listing.yaml`` is there."""
        return any(file.name == MANIFEST_NAME for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderMemory:
    """What is remembered of a folder.

    Attributes:
        look: How it looked last.
        since: Since when it looks so, in seconds since 1970.
        state: What is being done about it.
        key: Listing key it was last requested under; empty if it never was.
        content: Hash of the content it was last requested for.
        blocked: It is rejected because another folder has its key: that may change while this folder does not.
    """

    look: str
    since: float
    state: State = State.ARRIVING
    key: str = ""
    content: str = ""
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A folder of the inbox that no film can be made of as it is.

    Attributes:
        folder: Its name in the inbox.
        reason: What is wrong and what to do, one line.
    """

    folder: str
    reason: str


def as_text(text: str) -> str:
    """Return a text that can be written and logged: bytes of a file's name that are not UTF-8 become U+FFFD."""
    return _NOT_TEXT.sub("\ufffd", text)


def is_ignored(name: str) -> bool:
    """Return whether a folder of this name is nobody's listing: hidden, or still being moved in by a program."""
    return name.startswith(".") or name.lower().endswith(_UNFINISHED_ENDINGS)


def plain_name(name: str) -> str:
    """Return one spelling for names that differ only in case or in how accents are composed (macOS parts them)."""
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./")).casefold()


def looked_at(memory: FolderMemory | None, folder: SeenFolder, now: float) -> FolderMemory:
    """Return what to remember after a look; any change starts the wait anew.

    Args:
        memory: What was remembered, or None at the first look.
        folder: How it looks.
        now: Seconds since 1970.
    """
    look = folder.look
    if memory is None:
        return FolderMemory(look=look, since=now)
    if memory.look != look:
        return replace(memory, look=look, since=now, state=State.ARRIVING, blocked=False)
    if memory.since > now:  # the clock was set back
        return replace(memory, since=now)
    return memory


def next_step(memory: FolderMemory, folder: SeenFolder, now: float, settle_s: float) -> Step:
    """Return what to do with a folder that looks as its memory says.

    Args:
        memory: From ``looked_at``.
        folder: How it looks.
        now: Seconds since 1970.
        settle_s: After how many seconds without a change a folder has arrived.
    """
    unchanged_s = now - memory.since
    match memory.state:
        case State.CONFIRMED:
            return Step.NOTHING
        case State.REQUESTED:
            return Step.CONFIRM
        case State.REJECTED:
            return Step.JUDGE if memory.blocked and unchanged_s >= TRY_AGAIN_S else Step.NOTHING
        case State.INCOMPLETE:
            return Step.JUDGE if unchanged_s >= settle_s else Step.WAIT
        case State.ARRIVING:
            return Step.JUDGE if folder.has_manifest or unchanged_s >= settle_s else Step.WAIT


def is_settled(memory: FolderMemory, now: float, settle_s: float) -> bool:
    """Return whether nothing has changed for the settle time."""
    return now - memory.since >= settle_s


def is_steady(memory: FolderMemory, now: float) -> bool:
    """Return whether nothing has changed since the look before."""
    return now - memory.since >= _STEADY_S


def to_fetch(manifest: ListingManifest, names: Iterable[str]) -> tuple[PhotoEntry, ...]:
    """Return the photos that are given by reference only: a ``source_url``, and no file of theirs among ``names``."""
    there = {plain_name(name) for name in names}
    return tuple(entry for entry in manifest.photos if entry.source_url and plain_name(entry.file) not in there)


def missing_photos(manifest: ListingManifest, names: Iterable[str]) -> tuple[str, ...]:
    """Return the photos that the manifest names and nobody has: no file among ``names``, no ``source_url``."""
    there = {plain_name(name) for name in names}
    return tuple(
        entry.file for entry in manifest.photos if not entry.source_url and plain_name(entry.file) not in there
    )


def named_files(manifest: ListingManifest, folder: SeenFolder) -> tuple[SeenFile, ...]:
    """Return the folder's files that the manifest names as photos."""
    named = {plain_name(entry.file) for entry in manifest.photos}
    return tuple(file for file in folder.files if plain_name(file.name) in named)


def is_complete(
    manifest: ListingManifest,
    folder: SeenFolder,
    whole: Mapping[str, Wholeness],
    pictures: Sequence[str],
    *,
    steady: bool,
) -> bool | None:
    """Return whether everything that the manifest names is there, to the last byte.

    Args:
        manifest: What ``listing.yaml`` says.
        folder: How the folder looks.
        whole: For each file that the manifest names, whether it has come in to its end.
        pictures: Names of the files that are pictures.
        steady: Nothing has changed since the look before.

    Returns:
        None where that cannot be known before the next look. A manifest that names no photo completes nothing, and
        neither does one beside pictures it does not name: more of them may be on their way.
    """
    names = [file.name for file in folder.files]
    if not manifest.photos or missing_photos(manifest, names):
        return False
    named = {file.name for file in named_files(manifest, folder)}
    if any(name not in named for name in pictures):
        return False
    if any(file.bytes == 0 for file in folder.files if file.name in named):
        return False
    told = {whole.get(name, Wholeness.UNKNOWN) for name in named}
    if Wholeness.UNFINISHED in told:
        return False
    return True if steady or Wholeness.UNKNOWN not in told else None


def content_hash(files: Mapping[str, str]) -> str:
    """Return the hash of a folder's content, short enough for a run's key.

    Args:
        files: Name of each file to a hash of its bytes.
    """
    return _short_hash(f"{plain_name(name)}\0{files[name]}" for name in sorted(files, key=plain_name))


def run_key(listing: str, content: str, taken: Iterable[str] = ()) -> str:
    """Return the key under which a run is requested once and never again.

    Args:
        listing: Listing key.
        content: From ``content_hash``.
        taken: Keys of earlier runs for other states of the listing; a listing that was changed and changed back is
            directed again, under a key of its own.
    """
    key, number, used = f"direct|{listing}|{content}", 1, set(taken)
    while (numbered := key if number == 1 else f"{key}|{number}") in used:
        number += 1
    return numbered


def rejection_text(reason: str) -> str:
    """Return what ``REJECTED.txt`` says."""
    return (
        "LuxVid cannot make a film of this folder as it is.\n\n"
        f"{reason}\n\n"
        "Nothing was deleted and nothing was paid for. Put it right here: the folder is looked at again as soon as "
        "anything in it changes, and this file goes away by itself.\n"
    )


def is_inside(name: str) -> bool:
    """Return whether a relative path stays in its folder whatever the file system; object keys may hold anything."""
    parts = name.split("/")
    return (
        bool(name)
        and not any(part in {"", ".", ".."} for part in parts)
        and not any(letter in name for letter in "\\\0")
        and not PurePosixPath(name).is_absolute()
    )


def _short_hash(parts: Iterable[str]) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(part.encode("utf-8", "surrogateescape"))
        made.update(b"\0\0")
    return made.hexdigest()[:_HASH_CHARACTERS]
