"""Who holds a claim: a process that can be told from every other, and whether it still runs.

Belongs here: the identity of a process across machines and restarts.
Does not belong here: what it claims (``payments.py``).
"""

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Place of a process's start time in /proc/<pid>/stat, counted after the name in brackets: proc_pid_stat(5), field 22.
_STATE, _STARTED = 0, 19
_CLOCK_S = 2.0  # Two clocks of one machine may differ by as much.


@dataclass(frozen=True, slots=True)
class Process:
    """One process of one machine since one boot.

    Attributes:
        host: Machine, boot and process namespace; equal where process ids mean the same.
        pid: Its id there.
        started: Its start in clock ticks since boot; empty where the system does not tell. A later process with the
            same id has another.
    """

    host: str
    pid: int
    started: str

    @classmethod
    def this(cls) -> "Process":
        """Return the process that asks; a forked child is another."""
        return _process(os.getpid())

    @classmethod
    def from_text(cls, text: str) -> "Process":
        """Read what ``str`` wrote."""
        host, pid, started = text.split(" ")
        return cls(host, int(pid), started)

    def __str__(self) -> str:
        """Return it as one line for the ledger."""
        return f"{self.host} {self.pid} {self.started}"

    def runs(self) -> bool | None:
        """Return whether it still runs; None where that cannot be told from here and only its lease counts."""
        if self.host != _host() or not self.started:
            return None
        started = _started(self.pid)
        return None if started is None else started == self.started


def runs_since(pid: int, since: float, started: str = "") -> bool:
    """Return whether a process runs that was there at a moment: ids are given out again.

    Args:
        pid: Its id on this machine.
        since: A moment at which it was there, Unix time; misleads if the clock has been set since.
        started: Its ``Process.started`` if that is known, which no clock changes.
    """
    begins = _started(pid)
    if not begins:
        return begins is None and _is_there(pid)  # Where nobody tells when it began, its id is all that is known.
    if started:
        return begins == started
    try:
        booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, StopIteration):
        return True
    return int(booted.split()[1]) + int(begins) / os.sysconf("SC_CLK_TCK") <= since + _CLOCK_S


@cache
def _process(pid: int) -> Process:
    return Process(_host(), pid, _started(pid) or "")


def _host() -> str:
    """Return machine, boot and process namespace: two containers may share a name but not process ids."""
    parts = [socket.gethostname().replace(" ", "-") or "localhost"]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
        parts.append(str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]"))
    except OSError:
        parts.append("no-proc")
    return "/".join(parts)


def _started(pid: int) -> str | None:
    """Return when the process started, "" if there is none that still works, None if nobody tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "" if Path("/proc/self/stat").exists() and not _is_there(pid) else None
    except OSError:
        return None
    # A killed process stays listed until its parent asks for its exit code.
    return "" if fields[_STATE] in "ZX" else fields[_STARTED]


def _is_there(pid: int) -> bool:
    """Return whether there is such a process, be it one of somebody whose processes are not shown (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
