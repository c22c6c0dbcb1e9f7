"""``new_listings_sensor``: a folder dropped into the inbox becomes a partition and a run.

Belongs here: one bounded round over the inbox a tick, what is remembered between ticks, what is requested.
Does not belong here: when a folder has arrived (``domain/arrivals.py``), looking at it (``resources/inbox.py``).

What is remembered lies in a file under ``LUXVID_HOME``; the cursor holds only its name. Dagster keeps a copy of the
cursor with every tick for a week, so the memory of a thousand folders would become gigabytes there. Losing the file,
or resetting the cursor in the UI, is harmless: every folder is judged once more, and a run that exists is found by its
fingerprint. For the same reason a request counts only once its run has been seen: one that a crash swallowed is made
again, under the same key.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg

from luxvid_pipeline.automation.jobs import direct_listing_job
from luxvid_pipeline.domain.arrivals import (
    FolderMemory,
    Rejection,
    SeenFolder,
    State,
    Step,
    as_text,
    content_hash,
    is_complete,
    is_settled,
    is_steady,
    looked_at,
    missing_photos,
    next_step,
    rejection_text,
    run_key,
    to_fetch,
)
from luxvid_pipeline.domain.errors import InputError, ListingError, ListingKeyError, LuxVidError, StorageError
from luxvid_pipeline.domain.keys import listing_key_from_name
from luxvid_pipeline.domain.listing import MANIFEST_NAME, ListingManifest
from luxvid_pipeline.domain.progress import LISTING_TAG, Urgency, work_tags
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.inbox import Inbox, sorting_key
from luxvid_pipeline.resources.listing_sources import ListingSources

FINGERPRINT_TAG = "luxvid/fingerprint"

_RUN_KEY_TAG = "dagster/run_key"
_EARLIER_RUNS = 50
_MOST_TROUBLE = 3
_REASONS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much one tick may do; whatever is left is the next one's.

    Attributes:
        judged: Folders opened.
        requests: Runs requested; Dagster's daemon notes each in the same tick, 0.7 s on busy cores.
        seconds: Time for the round; a folder that is begun is finished.
    """

    judged: int = 40
    requests: int = 4
    seconds: float = 1.0


@dataclass(slots=True, kw_only=True)
class Memory:
    """What is remembered between ticks.

    Attributes:
        name: The cursor that goes with it.
        after: The folder the last round ended with before it was through; empty if it was through.
        looked_at: When the last look was, in seconds since 1970.
        folders: What is known of each folder.
    """

    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    after: str = ""
    looked_at: float = 0.0
    folders: dict[str, FolderMemory] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path, cursor: str | None) -> "Memory":
        """Return what was remembered under a cursor; an empty memory if that is lost, damaged or another one."""
        try:
            values = json.loads(file.read_text())
            if cursor is None or values["name"] != cursor:
                return cls()
            folders = {
                name: FolderMemory(
                    look=look, since=since, state=State(state), key=key, content=content, blocked=bool(blocked)
                )
                for name, (look, since, state, key, content, blocked) in values["folders"].items()
            }
            return cls(name=cursor, after=values["after"], looked_at=values["looked_at"], folders=folders)
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, file: Path) -> None:
        """Keep it, whole or not at all.

        Raises:
            StorageError: The disk is full or not writable.
        """
        rows = {
            name: [each.look, round(each.since, 1), each.state.value, each.key, each.content, int(each.blocked)]
            for name, each in self.folders.items()
        }
        values = {"name": self.name, "after": self.after, "looked_at": round(self.looked_at, 1), "folders": rows}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(".part")
            part.write_text(json.dumps(values, separators=(",", ":")))
            part.replace(file)
        except OSError as error:
            raise StorageError(f"{file} cannot be written: {error.strerror or error}; free some space") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run that was requested for a listing's arrival: its key and the content it was for."""

    key: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A listing whose run is requested: its key, the folder's name, its content, the run's key, how soon."""

    listing: str
    folder: str
    content: str
    key: str
    urgency: Urgency = Urgency.NORMAL


@dataclass(slots=True)
class Round:
    """What one tick found.

    Attributes:
        arrivals: Listings to direct.
        rejections: Folders rejected in this tick.
        trouble: What could not be done, in words.
        opened: Folders judged.
        through: Whether the whole inbox was looked at.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    opened: int = 0
    through: bool = False


History = Callable[[str], Sequence[EarlierRun]]
"""The runs requested for a listing so far, the latest first."""


def look_around(
    sources: ListingSources,
    memory: Memory,
    history: History,
    *,
    now: float,
    bounds: Bounds | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Round:
    """Look at the inbox once, within bounds, going on where the last tick stopped.

    Args:
        sources: The inbox, and who has which listing key.
        memory: What is remembered; changed in place.
        history: Which runs there are.
        now: Seconds since 1970.
        bounds: How much may be done.
        clock: For the time the round takes.

    Raises:
        StorageError: The inbox cannot be read at all.
    """
    bounds = bounds or Bounds()
    watcher = _Watcher(sources, memory, history, now)
    found, end, start, last = watcher.found, clock() + bounds.seconds, memory.after, ""
    seen: set[str] = set()
    found.through = True
    for folder in _one_round(sources.inbox, start):
        seen.add(folder.name)
        last = folder.name
        watcher.attend(folder)
        busy = found.opened >= bounds.judged or len(found.arrivals) >= bounds.requests
        if busy or clock() > end or len(found.trouble) >= _MOST_TROUBLE:
            found.through = False
            break
    memory.after = "" if found.through else last
    memory.looked_at = now
    for name in [name for name in memory.folders if name not in seen]:
        if found.through or _lies_between(name, start, last):
            del memory.folders[name]
            sources.forget_rejection(name)
    if found.through:
        for stale in sources.rejections():
            if stale.folder not in memory.folders:
                sources.forget_rejection(stale.folder)
    return found


class _Watcher:
    """One round: looks at folders, and says what follows."""

    def __init__(self, sources: ListingSources, memory: Memory, history: History, now: float) -> None:
        self._sources = sources
        self._inbox = sources.inbox
        self._folders = memory.folders
        self._history = history
        self._now = now
        self._settle_s = sources.settings.settle_s
        self.found = Round()

    def attend(self, folder: SeenFolder) -> None:
        """Do what is to be done about a folder; its trouble stays its own, whatever it is."""
        try:
            self._attend(folder)
        except (StorageError, OSError) as error:
            self.found.trouble.append(f"{folder.name}: {error}")
        except Exception as error:  # one folder that nobody thought of must not hold up all the others
            self.found.trouble.append(
                f"{folder.name}: cannot be judged ({type(error).__name__}: {error}); take it out of the inbox and "
                "report this"
            )

    def _attend(self, folder: SeenFolder) -> None:
        known = looked_at(self._folders.get(folder.name), folder, self._now)
        self._folders[folder.name] = known
        step = next_step(known, folder, self._now, self._settle_s)
        if step is Step.CONFIRM:
            if any(run.content == known.content for run in self._history(known.key)):
                self._folders[folder.name] = replace(known, state=State.CONFIRMED)
                return
            step = Step.JUDGE  # nobody made the run: the process that was to do it is gone
        if step is not Step.JUDGE:
            return
        self.found.opened += 1
        try:
            self._folders[folder.name] = self._judged(folder, known)
        except InputError as error:
            self._folders[folder.name] = self._rejected(folder, known, str(error))

    def _judged(self, folder: SeenFolder, known: FolderMemory) -> FolderMemory:
        """Return what to remember; raises an InputError that says what is wrong with a folder that has settled."""
        settled = is_settled(known, self._now, self._settle_s)
        waiting = replace(known, state=State.INCOMPLETE)
        if folder.trouble:
            raise InputError(f"{folder.name}: {folder.trouble}")
        try:
            manifest = self._inbox.manifest(folder)
        except ListingError:
            if not settled:
                return waiting  # half of it may still be on its way
            raise
        pictures = self._inbox.pictures(folder)
        if within := _listings_within(folder, pictures):
            raise InputError(
                f"{folder.name} holds listings of their own, not the photos of one ({', '.join(within)}); put each of "
                "them into the inbox by itself"
            )
        if not settled and missing_photos(manifest, (file.name for file in folder.files)):
            return waiting
        contents = self._inbox.contents(folder)
        if not settled:
            whole = {name: wholeness for name, (_, wholeness) in contents.items()}
            complete = is_complete(manifest, folder, whole, pictures, steady=is_steady(known, self._now))
            if not complete:
                return known if complete is None else waiting
        key = _usable_key(folder, manifest, pictures)
        address = self._inbox.address(folder.name)
        try:
            self._sources.register(key, address)
        except InputError as error:
            return self._rejected(folder, known, str(error), blocked=True)
        if known.key and known.key != key:
            self._sources.forget(known.key, address)
        self._take_back(folder.name)
        content = content_hash({name: told for name, (told, _) in contents.items()})
        earlier = self._history(key)
        if earlier and earlier[0].content == content:
            return replace(known, state=State.CONFIRMED, key=key, content=content)
        taken = [run.key for run in earlier if run.content == content]
        urgency = Urgency(manifest.generation.priority)
        self.found.arrivals.append(
            Arrival(listing=key, folder=folder.name, content=content, key=run_key(key, content, taken), urgency=urgency)
        )
        return replace(known, state=State.REQUESTED, key=key, content=content)

    def _rejected(self, folder: SeenFolder, known: FolderMemory, why: str, *, blocked: bool = False) -> FolderMemory:
        reason = as_text(" ".join(why.split()))
        rejection = Rejection(folder=folder.name, reason=reason)
        if known.state is not State.REJECTED or rejection != self._sources.rejection(folder.name):
            self._sources.remember_rejection(rejection)
            self.found.rejections.append(rejection)
            try:
                self._inbox.say_rejected(folder.name, rejection_text(reason))
            except StorageError as error:
                self.found.trouble.append(str(error))
        return replace(known, state=State.REJECTED, since=self._now if blocked else known.since, blocked=blocked)

    def _take_back(self, name: str) -> None:
        self._sources.forget_rejection(name)
        try:
            self._inbox.take_back(name)
        except StorageError as error:
            self.found.trouble.append(str(error))


def _listings_within(folder: SeenFolder, pictures: Sequence[str]) -> list[str]:
    """Return the subfolders that say they are listings, where the folder has neither photos nor a manifest itself.

    The same folder given to ``luxvid render`` is a folder of listings (``batch.py``); one film of several homes would
    show none of them.
    """
    if folder.has_manifest or any("/" not in name for name in pictures):
        return []
    return sorted(
        file.name.removesuffix(f"/{MANIFEST_NAME}") for file in folder.files if file.name.endswith(f"/{MANIFEST_NAME}")
    )


def _usable_key(folder: SeenFolder, manifest: ListingManifest, pictures: Sequence[str]) -> str:
    names = [file.name for file in folder.files]
    missing = missing_photos(manifest, names)
    if missing:
        raise ListingError(
            f"{MANIFEST_NAME} in {folder.name} names photos that are not in the folder: "
            f"{', '.join(map(repr, missing))}; add the files or take the entries out"
        )
    if not pictures and not to_fetch(manifest, names):
        raise InputError(f"{folder.name} holds no photos; put the listing's pictures (JPEG, PNG, HEIC, …) into it")
    try:
        return manifest.listing or listing_key_from_name(folder.name)
    except ListingKeyError as error:
        raise ListingKeyError(
            f"no listing key can be made from the folder's name {folder.name!r}: rename it, or set 'listing:' in "
            f"{MANIFEST_NAME}"
        ) from error


def _one_round(inbox: Inbox, after: str) -> Iterator[SeenFolder]:
    """Give every folder once, those after a name first."""
    yield from inbox.folders(after)
    if after:
        for folder in inbox.folders():
            if sorting_key(folder.name) > sorting_key(after):
                return
            yield folder


def _lies_between(name: str, start: str, last: str) -> bool:
    """Whether a round that began after one folder and ended with another has passed a name."""
    if not last:
        return False
    key, begin, end = sorting_key(name), sorting_key(start) if start else b"", sorting_key(last)
    return begin < key <= end if begin < end else key > begin or key <= end


def describe(memory: Memory, found: Round | None, sources: ListingSources) -> str:
    """Return what a tick's message says: how many folders there are, what is wrong with which."""
    count = Counter(each.state for each in memory.folders.values())
    directed = count[State.CONFIRMED] + count[State.REQUESTED]
    parts = [f"{directed} listing{'s'[: directed != 1]} directed"]
    arriving = count[State.ARRIVING] + count[State.INCOMPLETE]
    if arriving:
        parts.append(f"{arriving} still arriving")
    rejections = sources.rejections() if count[State.REJECTED] else []
    if rejections:
        shown = "; ".join(f"{each.folder}: {each.reason}" for each in rejections[:_REASONS_SHOWN])
        more = (
            f"; and {len(rejections) - _REASONS_SHOWN} more (luxvid status)" if len(rejections) > _REASONS_SHOWN else ""
        )
        parts.append(f"{len(rejections)} rejected: {shown}{more}")
    if found is not None and found.trouble:
        parts.append(f"trouble: {'; '.join(found.trouble)}")
    if found is not None and not found.through:
        parts.append("the rest of the inbox is looked at next")
    return as_text(f"{sources.inbox.place}: {', '.join(parts)}")


def history_of(instance: dg.DagsterInstance) -> History:
    """Return who knows the runs that an instance has for a listing's arrivals."""

    def runs(listing: str) -> Sequence[EarlierRun]:
        wanted = dg.RunsFilter(job_name=direct_listing_job.name, tags={LISTING_TAG: listing})
        tags = [record.dagster_run.tags for record in instance.get_run_records(wanted, limit=_EARLIER_RUNS)]
        return [
            EarlierRun(key=each.get(_RUN_KEY_TAG, ""), content=each[FINGERPRINT_TAG])
            for each in tags
            if FINGERPRINT_TAG in each
        ]

    return runs


def _make_own_inbox(sources: ListingSources) -> None:
    """Make the inbox at its usual place; a place that was named may be a disk that is not mounted yet."""
    usual = sources.settings.home / "inbox"
    if sources.settings.inbox == str(usual):
        usual.mkdir(parents=True, exist_ok=True)


@dg.sensor(
    name="new_listings_sensor",
    job=direct_listing_job,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Watches LUXVID_INBOX: a folder that has arrived, or has changed, is directed, a broken one told why.",
)
def new_listings_sensor(
    context: dg.SensorEvaluationContext, listing_sources: dg.ResourceParam[ListingSources]
) -> dg.SensorResult | dg.SkipReason:
    """Add the partitions of listings that have arrived and request their direction."""
    file = listing_sources.settings.home / "arrivals.json"
    memory = Memory.load(file, context.cursor)
    now = time.time()
    try:
        _make_own_inbox(listing_sources)
        wait_s = memory.looked_at + listing_sources.inbox.look_every_s - now
        if not memory.after and 0 < wait_s <= listing_sources.inbox.look_every_s:
            said = describe(memory, None, listing_sources)
            return dg.SensorResult(skip_reason=f"{said}; next look in {wait_s:.0f} s", cursor=memory.name)
        found = look_around(listing_sources, memory, history_of(context.instance), now=now)
        memory.save(file)
    except (LuxVidError, OSError) as error:
        return dg.SkipReason(as_text(str(error)))
    for rejection in found.rejections:
        context.log.warning(as_text(f"rejected {rejection.folder}: {rejection.reason}"))
    for trouble in found.trouble:
        context.log.warning(as_text(trouble))
    said = describe(memory, found, listing_sources)
    if not found.arrivals:
        return dg.SensorResult(skip_reason=said, cursor=memory.name)
    context.log.info(said)
    for arrival in found.arrivals:
        context.log.info(as_text(f"{arrival.listing} has arrived in {arrival.folder}: directing it"))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=arrival.key,
                partition_key=arrival.listing,
                tags={**work_tags(arrival.listing, "direction", arrival.urgency), FINGERPRINT_TAG: arrival.content},
            )
            for arrival in found.arrivals
        ],
        dynamic_partitions_requests=[
            listing_partitions.build_add_request(sorted({arrival.listing for arrival in found.arrivals}))
        ],
        cursor=memory.name,
    )
