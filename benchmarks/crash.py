# ruff: noqa: S311 - moments are drawn by lot
"""The crash test: a hosted film killed with SIGKILL at many moments and started again until it is done.

Belongs here: choosing the moments, killing, comparing what the vendor accepted, the films and the ledgers.
Does not belong here: the film and its vendors (``hosted_film.py``).

``python benchmarks/crash.py --kills 100 --seed 7 --json crash.json``

One film is rendered undisturbed: what the vendor accepted of it is N. Each other film begins from the same directed
listing, with a home, a ledger and simulators of its own, and is killed several times on its way
(``--kills-a-film``): the whole process group of the render, never the simulators. Every kill is written down: what it
aimed at, and in which states it left the ledger's rows. It counts for the phase it aimed at only if the ledger confirms
it, otherwise under ``elsewhere``.

Direction is killed on films of its own (``--direction-kills``): an answer of a language model cannot be fetched again
once nobody heard it (docs/decisions/0008), so its row is booked at the upper end and the question asked again. There
the claim is: as many questions more than undisturbed as rows say so, and not one request for a clip or a stage more.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.hosted_film import (
    Books,
    copy_home,
    direct,
    draw_listing,
    finished,
    read_books,
    sha256,
    start_render,
)
from luxvid_pipeline_tests.simulators import script
from luxvid_pipeline_tests.simulators.control_client import SimulatorProcess

PHASES = {
    "uploading": "before sending: photos and slices on their way, the money reserved",
    "never heard": "submitting: the vendor never heard it",
    "unheard": "submitting: accepted, the answer not yet heard",
    "any": "at a moment drawn by lot",
    "polling": "waiting for the vendor",
    "downloading": "made and billed, being fetched",
    "writing": "on the shelf: converting, keeping, recording",
    "film": "everything paid: score, film",
}
"""What is aimed at, in the order in which a film comes through it."""

_HELD_S = 0.5
"""How long a reply is held back, so that a kill can fall into the moment."""
_LANGUAGE = ("xai", "openai")


@dataclass
class Kill:
    """One kill: where it aimed, when it struck, what the ledger says."""

    film: int
    aim: str
    nth: int
    at_s: float
    phase: str
    accepted: int
    known_ids: int
    states: dict[str, int]


@dataclass
class Film:
    """One film: how often it was killed, and what it came to."""

    number: int
    kind: str
    kills: list[Kill] = field(default_factory=list)
    accepted: int = 0
    asked: int = 0
    lost_answers: int = 0
    expected: int = 0
    is_equal: bool = False
    open_rows: int = 0
    reserved_usd: float = 0.0
    cost_usd: float = 0.0
    seconds: float = 0.0
    fault: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything that is claimed of it is true."""
        closed = not self.open_rows and not self.reserved_usd
        return not self.fault and self.is_equal and closed and self.accepted == self.expected


def main() -> int:
    """Run and print; returns 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="benchmarks/crash.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="after the direction")
    parser.add_argument("--direction-kills", type=int, default=0, help="during the direction, counted by themselves")
    parser.add_argument("--kills-a-film", type=int, default=len(PHASES))
    parser.add_argument("--at-once", type=int, default=2, help="films at the same time")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no film later than this; the trial fails")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", type=float, default=0.02, help="real seconds a simulated second takes")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    parser.add_argument("--json", type=Path, help="write everything here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="luxvid-crash-") as folder:
        work = options.keep or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        result = _Trial(work, options).run()
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    _print(result)
    return 0 if result["holds"] else 1


class _Trial:
    def __init__(self, work: Path, options: argparse.Namespace) -> None:
        self._work = work
        self._options = options
        self._listing = draw_listing(work / "villa-drawn")
        self._template = work / "template"
        self._dice = random.Random(options.seed)
        self._lock = threading.Lock()
        self._deck: deque[str] = deque()
        self._left = options.kills
        self._ends = time.monotonic() + 60 * options.minutes
        self._numbers = 0
        self._undisturbed_accepted = 0
        self._undisturbed_asked = 0
        self._undisturbed_cost = 0.0
        self._undisturbed_hash = ""

    def run(self) -> dict[str, Any]:
        began = datetime.now(UTC)
        start = time.monotonic()
        self._undisturbed()
        films: list[Film] = []
        with ThreadPoolExecutor(self._options.at_once) as pool:
            for done in pool.map(lambda _: self._films(), range(self._options.at_once)):
                films += done
        left = self._options.direction_kills
        while left > 0:
            film = self._one_film("direction", ["direction"] * min(left, 3))
            films.append(film)
            if not film.kills:
                break
            left -= len(film.kills)
        films.sort(key=lambda film: film.number)
        kills = [kill for film in films for kill in film.kills]
        return {
            "taken": began.isoformat(timespec="seconds"),
            "took_s": round(time.monotonic() - start, 1),
            "command": " ".join(["python", "benchmarks/crash.py", *sys.argv[1:]]),
            "undisturbed": {
                "paid_requests": self._undisturbed_accepted,
                "questions": self._undisturbed_asked,
                "cost_usd": self._undisturbed_cost,
                "film_sha256": self._undisturbed_hash,
            },
            "kills": len(kills),
            "films": len(films),
            "holds": all(film.holds for film in films)
            and sum(kill.phase != "direction" for kill in kills) >= self._options.kills,
            "table": _table(films),
            "each_film": [asdict(film) | {"holds": film.holds} for film in films],
        }

    def _undisturbed(self) -> None:
        home, film = self._work / "undisturbed", self._work / "undisturbed.mp4"
        with self._simulators("undisturbed") as vendors:
            direct(self._listing, self._template, vendors)
            copy_home(self._template, home)
            finished(start_render(self._listing, film, home, vendors))
            self._undisturbed_accepted = vendors.replicate.counters()["accepted"]
            self._undisturbed_asked = _asked(vendors)
        books = read_books(home)
        self._undisturbed_hash, self._undisturbed_cost = sha256(film), books.cost_usd
        if books.open_rows or books.reserved_usd:
            raise RuntimeError(f"the undisturbed film left its ledger open: {dict(books.states)}")
        print(f"undisturbed: {self._undisturbed_accepted} paid requests, ${books.cost_usd:.2f}", flush=True)

    def _simulators(self, name: str) -> SimulatorProcess:
        folder = self._work / "vendors" / name
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--speed", str(self._options.speed), "--cache", str(self._work / "made"), "--picture-scale", "0.25"]
        return SimulatorProcess(folder, *options)

    def _films(self) -> list[Film]:
        """Film until all kills are done."""
        films: list[Film] = []
        while aims := self._next_aims():
            film = self._one_film("shooting", aims)
            films.append(film)
            with self._lock:
                self._left += len(aims) - len(film.kills)
                self._deck.extendleft(aims[len(film.kills) :])
            if film.fault:
                break
        return films

    def _all_paid(self, home: Path) -> bool:
        return read_books(home).in_state("delivered") == self._undisturbed_accepted

    def _next_aims(self) -> list[str]:
        with self._lock:
            in_time = time.monotonic() < self._ends
            count = min(self._left, self._options.kills_a_film) if in_time else 0
            self._left -= count
            while len(self._deck) < count:
                fresh = list(PHASES)
                self._dice.shuffle(fresh)
                self._deck.extend(fresh)
            order = list(PHASES)
            return sorted((self._deck.popleft() for _ in range(count)), key=order.index)

    def _one_film(self, kind: str, aims: list[str]) -> Film:
        with self._lock:
            self._numbers += 1
            film = Film(self._numbers, kind, expected=self._undisturbed_accepted)
            dice = random.Random(self._dice.random())
        start = time.monotonic()
        home, file = self._work / f"home-{film.number}", self._work / f"film-{film.number}.mp4"
        if kind == "shooting":
            copy_home(self._template, home)
        with self._simulators(f"film-{film.number}") as vendors:
            try:
                for aim in aims:
                    if not self._kill_once(film, aim, dice, home, file, vendors):
                        break
                else:
                    finished(start_render(self._listing, file, home, vendors))
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                film.fault = str(error)
            film.accepted = vendors.replicate.counters()["accepted"]
            film.asked = _asked(vendors)
        books = read_books(home)
        film.is_equal = file.exists() and sha256(file) == self._undisturbed_hash
        film.open_rows, film.reserved_usd, film.cost_usd = books.open_rows, books.reserved_usd, books.cost_usd
        film.lost_answers = books.lost_answers
        film.seconds = round(time.monotonic() - start, 1)
        if kind == "shooting" and not film.fault and film.cost_usd != self._undisturbed_cost:
            film.fault = f"the ledger says ${film.cost_usd}, undisturbed ${self._undisturbed_cost}"
        if kind == "direction" and film.asked != self._undisturbed_asked + film.lost_answers:
            film.fault = f"{film.asked} questions, {film.lost_answers} of them booked as lost"
        if film.holds and not self._options.keep:
            shutil.rmtree(home)
            file.unlink()
        print(_line(film), flush=True)
        return film

    def _kill_once(
        self, film: Film, aim: str, dice: random.Random, home: Path, file: Path, vendors: SimulatorProcess
    ) -> bool:
        """Start the render and kill it at a moment of the phase; False if it was done before."""
        nth, wait_s, struck = _moment(aim, dice, home, vendors, self._undisturbed_accepted)
        start = time.monotonic()
        process = start_render(self._listing, file, home, vendors)
        looks = 0
        while not struck():
            if process.poll() is not None:
                finished(process)
                return False
            time.sleep(0.004)
            looks += 1
            # Where nothing is left to be paid, what was aimed at will not come any more.
            if aim not in {"any", "film"} and looks % 50 == 0 and self._all_paid(home):
                break
        ends = time.monotonic() + wait_s
        while time.monotonic() < ends and process.poll() is None:
            time.sleep(0.004)
        if process.poll() is not None:
            finished(process)
            return False
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        at_s = time.monotonic() - start
        vendors.replicate.clear_script()
        books, accepted = read_books(home), vendors.replicate.counters()["accepted"]
        states = {f"{vendor} {state}": count for (vendor, state), count in sorted(books.states.items())}
        phase = aim if _confirmed(aim, books, accepted, self._undisturbed_accepted) else "elsewhere"
        film.kills.append(Kill(film.number, aim, nth, round(at_s, 2), phase, accepted, books.ids, states))
        return True


def _moment(  # noqa: PLR0911 - a table of moments has a return for each
    aim: str, dice: random.Random, home: Path, vendors: SimulatorProcess, whole: int
) -> tuple[int, float, Callable[[], bool]]:
    """Return which occasion is meant, how long after it to wait, and a function that says whether it has come."""
    requests = _Requests(vendors.log_file)
    nth = dice.randint(1, 3)
    if aim == "uploading":
        return nth, dice.uniform(0, 0.05), lambda: requests.count("upload") >= nth
    if aim == "never heard":
        vendors.replicate.on("create", script.drop(), nth=nth)
        return nth, dice.uniform(0, 4), lambda: requests.count("create", status=0) >= 1
    if aim == "unheard":
        vendors.replicate.on("create", script.delay(_HELD_S), nth=nth)
        return nth, dice.uniform(0, 0.8 * _HELD_S), lambda: requests.count("create") >= nth
    if aim == "polling":
        return nth, dice.uniform(0, 0.2), lambda: requests.count("get") >= nth
    if aim == "downloading":
        vendors.replicate.on("download", script.delay(_HELD_S), nth=nth)
        return nth, dice.uniform(0, 0.8 * _HELD_S), lambda: requests.count("download") >= nth
    if aim in {"writing", "film"}:
        there = read_books(home).in_state("delivered")
        wanted = whole if aim == "film" else min(whole, there + nth)
        # Where it is all there from the start, the kill waits until the program has loaded and is at work.
        wait_s = dice.uniform(0, 2.5) if there < wanted else dice.uniform(5, 15)
        return nth, wait_s, lambda: read_books(home).in_state("delivered") >= wanted
    if aim == "direction":
        return nth, dice.uniform(0, 0.25), lambda: requests.count("chat") + requests.count("responses") >= nth
    ends = time.monotonic() + dice.uniform(5, 20)
    return nth, 0.0, lambda: time.monotonic() >= ends


def _confirmed(aim: str, books: Books, accepted: int, whole: int) -> bool:
    """Whether the ledger, read after the kill, says that the kill struck where it aimed."""
    submitting, delivered = books.in_state("submitting"), books.in_state("delivered")
    return {
        "uploading": books.in_state("reserved") > 0,
        "never heard": submitting > accepted - books.ids,
        "unheard": submitting > 0 and accepted > books.ids,
        "polling": books.in_state("submitted") > 0,
        "downloading": books.in_state("finished") > 0,
        "writing": delivered > 0,
        "film": delivered == whole,
        "direction": True,
        "any": True,
    }[aim]


class _Requests:
    """The simulators' request log, read as it grows, from now on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = file.stat().st_size if file.exists() else 0
        self._rest = b""
        self._seen: Counter[tuple[str, int]] = Counter()

    def count(self, event: str, *, status: int | None = None) -> int:
        """Return how many requests of a kind have come since."""
        if self._file.exists():
            with self._file.open("rb") as log:
                log.seek(self._at)
                fresh = log.read()
            self._at += len(fresh)
            *lines, self._rest = (self._rest + fresh).split(b"\n")
            for line in lines:
                entry = json.loads(line)
                name = "download" if entry["server"] == "delivery" else entry.get("event", "")
                self._seen[name, entry["status"]] += 1
        return sum(count for (name, code), count in self._seen.items() if name == event and status in {None, code})


def _asked(vendors: SimulatorProcess) -> int:
    return sum(vars(vendors)[name].counters()["accepted"] for name in _LANGUAGE)


def _table(films: list[Film]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for phase in [*PHASES, "elsewhere", "direction"]:
        concerned = [film for film in films if any(kill.phase == phase for kill in film.kills)]
        if not concerned:
            continue
        rows.append(
            {
                "phase": phase,
                "kills": sum(kill.phase == phase for film in films for kill in film.kills),
                "films": len(concerned),
                "paid_requests": sum(film.accepted for film in concerned),
                "undisturbed": sum(film.expected for film in concerned),
                "equal_films": sum(film.is_equal for film in concerned),
                "closed_ledgers": sum(not film.open_rows and not film.reserved_usd for film in concerned),
                "questions_asked_again": sum(film.lost_answers for film in concerned),
            }
        )
    return rows


def _line(film: Film) -> str:
    struck = ", ".join(f"{kill.phase} {kill.at_s:.1f} s" for kill in film.kills)
    verdict = "holds" if film.holds else f"DOES NOT HOLD {film.fault}"
    return (
        f"film {film.number}: {len(film.kills)} kills ({struck}); {film.accepted} of {film.expected} paid requests, "
        f"{'equal' if film.is_equal else 'NOT EQUAL'}, {film.open_rows} open rows, {film.seconds:.0f} s: {verdict}"
    )


def _print(result: dict[str, Any]) -> None:
    print(f"\n{result['kills']} kills, {result['films']} films, {result['took_s']:.0f} s; undisturbed: ", end="")
    print(result["undisturbed"])
    print("| phase | kills | films | paid requests | undisturbed | equal films | closed ledgers |")
    print("|---|---|---|---|---|---|---|")
    for row in result["table"]:
        what = PHASES.get(row["phase"], row["phase"])
        numbers = [row[name] for name in ("kills", "films", "paid_requests", "undisturbed", "equal_films")]
        print(f"| {what} | {' | '.join(map(str, numbers))} | {row['closed_ledgers']} |")
    print("holds" if result["holds"] else "DOES NOT HOLD")


if __name__ == "__main__":
    sys.exit(main())
