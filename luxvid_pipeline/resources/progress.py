"""Who is told how far the work is.

Belongs here: the ``ProgressBoard`` the assets report to, and the one that writes to Dagster's log.
Does not belong here: the terminal's progress bar (``cli.py``).
"""

from typing import Protocol


class ProgressBoard(Protocol):
    """Is told which piece of work is how far; called from several threads."""

    def report(self, stage: str, part: str, done: float) -> None:
        """Hear that ``part`` of ``stage`` (a scene, a photo batch) is ``done``, 0 to 1."""
        ...


class SilentBoard:
    """For runs in Dagster's UI, where the event log tells the progress."""

    def report(self, stage: str, part: str, done: float) -> None:
        """Hear it and do nothing."""
