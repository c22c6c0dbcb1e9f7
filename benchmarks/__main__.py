"""``python -m benchmarks``: take every row, print the table, write ``benchmarks/results/latest.json``.

Belongs here: choosing rows, printing, the exit code.
Does not belong here: measuring (the row modules).
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import (
    clip_row,
    film_row,
    hosted_row,
    measures_row,
    orchestration,
    package_row,
    photos_row,
    whole_film_row,
    whole_package_row,
)

Row = dict[str, Any]
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    """Measure and print; returns 1 if a number is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--peers", help="Python that has still-motion and moviepy; without it their rows are left out")
    parser.add_argument("--listing", type=Path, help="listing for the whole film (default: the example)")
    parser.add_argument(
        "--only",
        choices=["clip", "film", "photos", "whole", "hosted", "orchestration", "measures", "package", "whole-package"],
        action="append",
    )
    options = parser.parse_args()
    takes: dict[str, Callable[[], list[Row]]] = {
        "clip": lambda: clip_row.measure(options.peers),
        "film": film_row.measure,
        "photos": lambda: [photos_row.measure()],
        "whole": lambda: whole_film_row.measure(options.listing),
        "hosted": hosted_row.measure,
        "orchestration": orchestration.measure,
        "measures": measures_row.measure,
        "package": package_row.measure,
        "whole-package": whole_package_row.measure,
    }
    console = Console(highlight=False)
    rows: list[Row] = []
    for name, take in takes.items():
        if options.only and name not in options.only:
            continue
        console.print(f"measuring {name} …", style="dim")
        rows += take()
    _print(console, rows)
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    RESULTS.write_text(json.dumps({"taken": taken, "machine": machine, "rows": rows}, indent=2) + "\n")
    return 0 if all(_reached(row) for row in rows) else 1


def _reached(row: Row) -> bool:
    return row["ratio"] <= row["target"] if row["better"] == "lower" else row["ratio"] >= row["target"]


def _print(console: Console, rows: list[Row]) -> None:
    table = Table("what", "reach", "measured", "", "detail", box=None, pad_edge=False)
    for row in rows:
        sign = "≤" if row["better"] == "lower" else "≥"
        mark = "[green]reached[/]" if _reached(row) else "[red]missed[/]"
        table.add_row(row["name"], f"{sign} {row['target']:g}", f"{row['ratio']:.2f}", mark, str(row["detail"]))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
