"""What every command shares: where it prints, how it shows progress.

Belongs here: consoles, progress bars, options that all commands have.
Does not belong here: commands (``cli.py``, ``cli_money.py``).
"""

import getpass
import os
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from luxvid_pipeline.domain.errors import InputError

for _stream in ("stdout", "stderr"):
    if getattr(sys, _stream) is None:  # it was closed; whatever is opened next would be written to in its place
        setattr(sys, _stream, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process

# In a pipe or a log nothing says how wide a line may be; paths are never cut there.
_PIPE_WIDTH = 240


class _Console(Console):
    """A console whose reader may go away (``2>&1 | head``): the work goes on, and nothing more is said."""

    def on_broken_pipe(self) -> None:
        """Send to nowhere what this console, and whoever else writes to its stream, has still to say."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


out = _Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
err = _Console(stderr=True, highlight=False, soft_wrap=True)

INTERRUPTED = 130
"""Exit code of a command that was interrupted."""

INTERRUPTED_TOLD = "interrupted; what is finished is kept, the same command goes on from there"

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout instead of words.")]
STAGES = {"photos": "Photos", "direction": "Direction", "clips": "Clips", "score": "Score", "film": "Film"}


def named_path(text: str) -> Path:
    """Return a path that somebody named; an unset variable of a shell names nothing, and not the working directory.

    Raises:
        BadParameter: It is empty.
    """
    if not str(text).strip():
        raise typer.BadParameter("an empty name; name a place, '.' for this folder")
    return Path(text)


class _Bars:
    """Progress bars, one a stage; the clips' bar is the mean of its scenes."""

    def __init__(self, progress: Progress, stages: Sequence[str]) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {stage: progress.add_task(_title(stage), total=1.0) for stage in stages}
        self._parts: dict[str, dict[str, float]] = {stage: {} for stage in stages}
        self._lock = threading.Lock()

    def report(self, stage: str, part: str, done: float) -> None:
        """Move a stage's bar."""
        with self._lock:
            if stage not in self._tasks:  # What only some commands do has a bar once it begins.
                self._tasks[stage] = self._progress.add_task(_title(stage), total=1.0)
            parts = self._parts.setdefault(stage, {})
            parts[part] = max(parts.get(part, 0.0), done)
            expected = {"photos": 2, "clips": 7, "delivery": 3}.get(stage, 1)
            share = sum(parts.values()) / max(expected, len(parts))
            self._progress.update(self._tasks[stage], completed=min(1.0, share))

    def finish(self) -> None:
        """Fill every bar: a film with fewer scenes is finished too."""
        for task in self._tasks.values():
            self._progress.update(task, completed=1.0)


class _Lines:
    """Progress for logs and pipes: a line when a piece of work is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: set[tuple[str, str]] = set()

    def report(self, stage: str, part: str, done: float) -> None:
        """Tell what is finished, once."""
        with self._lock:
            if done < 1.0 or (stage, part) in self._told:
                return
            self._told.add((stage, part))
        err.print(f"{_title(stage)}: {part} done")


def _title(stage: str) -> str:
    return STAGES.get(stage, stage.capitalize())


def is_directory(path: Path) -> bool:
    """Return whether a path that an option names is a directory.

    Raises:
        InputError: This user may not look at it.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InputError(f"{path} cannot be looked at: {error.strerror or error}; name a path of yours") from error


def user_name() -> str:
    """Return who uses this computer: the name, or the number of a user who has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def one_line(text: str) -> str:
    """Return what somebody wrote in several lines as one."""
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def takes_output() -> bool:
    """Return whether the output takes one more (empty) line; if not (a log on a full disk), the rest goes nowhere."""
    try:
        typer.echo()  # flushes
    except OSError:
        out.on_broken_pipe()
        return False
    return True


@contextmanager
def progress_bars(*, show: bool, stages: Sequence[str] = tuple(STAGES)) -> Iterator[Any]:
    """Give whom to tell of progress: bars in a terminal, lines elsewhere.

    Args:
        show: Whether there may be bars.
        stages: Those that have a bar from the beginning.
    """
    if not show or not err.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description:10}"), BarColumn(40), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=err) as progress:
        bars = _Bars(progress, stages)
        yield bars
        bars.finish()
