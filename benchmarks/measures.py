"""``python -m benchmarks.measures``: what the gate finds of known faults, and what it reports without reason.

Belongs here: running every case on all cores, printing the confusion table, keeping it in ``docs/quality.md``.
Does not belong here: the cases (``luxvid_pipeline_tests/confusion.py``), what measuring costs (``measures_row.py``).

The outcomes are kept in ``benchmarks/results/measures.json``, each added as it comes, so a run that is ended goes on
where it was; ``--anew`` forgets them first, ``--tables`` only writes the tables.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks import quality_page
from luxvid_pipeline.domain.gates import Fault
from luxvid_pipeline_tests.confusion import Count, Outcome, cases, counted, score_outcomes

OUTCOMES = Path(__file__).parent / "results" / "measures.json"
_folder = Path()


def main() -> int:
    """Run, print, write; returns 1 if there is nothing to write."""
    parser = argparse.ArgumentParser(prog="benchmarks.measures", description=__doc__)
    parser.add_argument("--anew", action="store_true", help="forget the outcomes that are kept")
    parser.add_argument("--tables", action="store_true", help="only write the tables of the outcomes that are kept")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    console = Console(highlight=False)
    kept = {} if options.anew or not OUTCOMES.exists() else _read()
    if not options.tables:
        _run(kept, options.processes, console)
    if not kept:
        console.print("No outcomes are kept; run it without --tables.")
        return 1
    text = tables(list(kept.values()))
    quality_page.replace_block("confusion", text)
    console.print(text, markup=False)
    return 0


def _read() -> dict[tuple[str, str], Outcome]:
    outcomes = map(_from_facts, json.loads(OUTCOMES.read_text(encoding="utf-8")))
    return {(each.group, each.name): each for each in outcomes}


def _run(kept: dict[tuple[str, str], Outcome], processes: int, console: Console) -> None:
    # A copy of a process that holds OpenCV's threads would wait for them for ever.
    start = get_context("spawn")
    wanted = [number for number, case in enumerate(cases()) if (case.group, case.name) not in kept]
    # Every seventh first, so that a run that is ended has seen something of everything.
    wanted.sort(key=lambda number: (number % 7, number))
    with ProcessPoolExecutor(processes, mp_context=start, initializer=_begin) as pool:
        work = [] if any(group == "scores" for group, _ in kept) else [pool.submit(_scores)]
        work += [pool.submit(_outcome, number) for number in wanted]
        for done in track(as_completed(work), "clips", len(work), console=console):
            _keep(kept, done.result())


def _keep(kept: dict[tuple[str, str], Outcome], outcomes: Iterable[Outcome]) -> None:
    kept.update({(each.group, each.name): each for each in outcomes})
    ordered = sorted(kept.values(), key=lambda each: (each.group, each.name))
    OUTCOMES.parent.mkdir(exist_ok=True)
    OUTCOMES.write_text(json.dumps([_as_facts(each) for each in ordered], indent=1) + "\n", encoding="utf-8")


def _begin() -> None:
    global _folder  # noqa: PLW0603 - one folder a process
    _folder = Path(tempfile.mkdtemp(prefix="measures"))


def _outcome(number: int) -> list[Outcome]:
    case = cases()[number]
    return [Outcome(group=case.group, name=case.name, fault=case.fault, found=case.found(_folder), also=case.also)]


def _scores() -> list[Outcome]:
    return score_outcomes(_folder)


def tables(outcomes: Sequence[Outcome]) -> str:
    """Return the confusion tables of footage and of scores, and every case that went wrong, as Markdown."""
    footage = [each for each in outcomes if each.group != "scores"]
    groups = list(dict.fromkeys(each.group for each in footage))
    told = {group: _rows_of(counted(each for each in footage if each.group == group)) for group in groups}
    whole = counted(footage)
    head = ["put in", "cases", "found", *groups, "reported besides without reason"]
    rows: list[list[object]] = []
    for row in whole:
        parts = [told[group].get(row.fault) for group in groups]
        rows.append(
            [
                "nothing (clean)" if row.fault is None else row.fault.value,
                row.cases,
                row.found,
                *[f"{part.found} of {part.cases}" if part else "–" for part in parts],
                _alarms(row),
            ]
        )
    sound = [
        ["nothing (clean)" if row.fault is None else row.fault.value, row.cases, row.found, _alarms(row)]
        for row in counted(each for each in outcomes if each.group == "scores")
    ]
    wrong = [each for each in outcomes if each.false_alarms or (each.fault is not None and not each.is_found)]
    listed = [
        f"- {each.group}, {each.name}: " + ("; ".join(filter(None, [_missed(each), _blamed(each.false_alarms)])))
        for each in wrong
    ]
    return "\n\n".join(
        [
            quality_page.table(head, rows),
            "Scores:",
            quality_page.table(["put in", "cases", "found", "reported besides without reason"], sound),
            "Every case that went wrong:",
            "\n".join(listed) or "none",
        ]
    )


def _rows_of(counts: Iterable[Count]) -> dict[Fault | None, Count]:
    return {count.fault: count for count in counts}


def _alarms(row: Count) -> str:
    return ", ".join(f"{fault.value} {count}×" for fault, count in sorted(row.false_alarms.items())) or "–"


def _missed(each: Outcome) -> str:
    return "" if each.fault is None or each.is_found else f"{each.fault.value} was not found"


def _blamed(faults: Iterable[Fault]) -> str:
    told = ", ".join(sorted(fault.value for fault in faults))
    return f"{told} was reported" if told else ""


def _as_facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "group": outcome.group,
        "name": outcome.name,
        "fault": outcome.fault.value if outcome.fault else None,
        "found": sorted(outcome.found),
        "also": sorted(outcome.also),
    }


def _from_facts(facts: dict[str, Any]) -> Outcome:
    return Outcome(
        group=facts["group"],
        name=facts["name"],
        fault=Fault(facts["fault"]) if facts["fault"] else None,
        found=frozenset(map(Fault, facts["found"])),
        also=frozenset(map(Fault, facts["also"])),
    )


if __name__ == "__main__":
    sys.exit(main())
