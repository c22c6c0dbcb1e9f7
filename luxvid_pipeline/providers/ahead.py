"""A score played ahead: a hosted composer works while the clips are shot, and the score's run takes what it played.

Belongs here: playing the stages in a thread, handing each to whoever asks for it, ending the thread in time.
Does not belong here: keeping stages (``assets/score.py``), paying for them (``ledger/``), when to play ahead
(``local_runs.py``).

Played ahead, a stage is paid for and on the shelf; the score's run copies it, keeps it and says what it cost. If the
process dies in between, the next one finds the stage in the ledger and pays nothing for it.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from luxvid_pipeline.domain.fallback import moves_on
from luxvid_pipeline.domain.ports import Engine, Progress, ScoreComposer, ScoreRequest, ignore_progress

KeptStage = Callable[[ScoreComposer, int], Path | None]
"""The file of a composer's stage (from 0) that an earlier run kept, or None."""


@runtime_checkable
class Stoppable(Protocol):
    """A composer whose work can be ended from another thread."""

    def stop(self) -> None:
        """Cancel what is under way and begin nothing more."""
        ...


def _nothing_kept(_composer: ScoreComposer, _stage: int) -> Path | None:
    return None


class ScoreAhead:
    """Plays one score in a thread, by the same rules as the score's run: stage after stage, engine after engine."""

    def __init__(
        self,
        composers: Sequence[ScoreComposer],
        request: ScoreRequest,
        *,
        kept: KeptStage = _nothing_kept,
        progress: Progress = ignore_progress,
    ) -> None:
        """Take what is to be played; nothing begins yet.

        Args:
            composers: The engines in the order in which they are asked.
            request: The score.
            kept: Finds the stages that need not be played.
            progress: Is told after each stage.
        """
        self.composers: tuple[ScoreComposer, ...] = tuple(
            _PlayedAhead(self, place, composer) for place, composer in enumerate(composers)
        )
        self._composers = tuple(composers)
        self._request = request
        self._kept = kept
        self._progress = progress
        self._news = threading.Condition()
        self._played: dict[tuple[int, int], tuple[Path, Engine]] = {}
        self._failures: dict[int, BaseException] = {}
        self._over = False
        self._leaving = False

    @contextmanager
    def playing(self) -> Generator[None]:
        """Play while the block runs.

        Leaving it, by an error too, lets the stage that is under way come to its end, since it is paid for. An
        interruption cancels it.
        """
        with tempfile.TemporaryDirectory(prefix="luxvid-") as folder:
            thread = threading.Thread(target=self._play, args=(Path(folder),), name="score-ahead", daemon=True)
            thread.start()
            try:
                yield
            except BaseException as error:
                self._leaving = True
                if not isinstance(error, Exception):
                    self._stop()
                raise
            finally:
                self._leaving = True
                self._wait_for(thread)

    def _wait_for(self, thread: threading.Thread) -> None:
        try:
            thread.join()
        except BaseException:
            # Interrupted while it waited: what is under way is cancelled at the vendor, which takes seconds.
            self._stop()
            thread.join()
            raise

    def _stop(self) -> None:
        for composer in self._composers:
            if isinstance(composer, Stoppable):
                composer.stop()

    def _play(self, folder: Path) -> None:
        try:
            for place in range(len(self._composers)):
                failure = self._attempt(place, folder)
                if not (isinstance(failure, Exception) and moves_on(failure)):
                    return
        finally:
            with self._news:
                self._over = True
                self._news.notify_all()

    def _attempt(self, place: int, folder: Path) -> BaseException | None:
        """Play with one engine; returns what stopped it, if anything."""
        try:
            self._play_with(place, self._composers[place], folder)
        except BaseException as error:
            with self._news:
                self._failures[place] = error
                self._news.notify_all()
            return error
        return None

    def _play_with(self, place: int, composer: ScoreComposer, folder: Path) -> None:
        so_far: Path | None = None
        count = len(self._request.stage_seconds)
        for stage in range(count):
            found = self._kept(composer, stage)
            if found is None:
                if self._leaving:
                    return
                found = folder / f"{place}-stage-{stage + 1}.flac"
                engine = composer.compose_stage(self._request, stage, so_far, found)
                with self._news:
                    self._played[place, stage] = found, engine
                    self._news.notify_all()
            so_far = found
            self._progress((stage + 1) / count)

    def take(self, place: int, stage: int, request: ScoreRequest, into: Path) -> Engine | None:
        """Wait for a stage and put it where it is wanted; None if it was not and will not be played ahead.

        Raises:
            Exception: Whatever that composer failed with.
        """
        name = self._composers[place].engine
        if request.fingerprint(name, stage) != self._request.fingerprint(name, stage):
            return None
        with self._news:
            self._news.wait_for(lambda: self._over or (place, stage) in self._played or place in self._failures)
            played, failure = self._played.get((place, stage)), self._failures.get(place)
        if played is not None:
            shutil.copyfile(played[0], into)
            return played[1]
        if isinstance(failure, Exception):
            raise failure
        return None


class _PlayedAhead:
    """A composer that gives what was played ahead, and plays itself what was not."""

    def __init__(self, ahead: ScoreAhead, place: int, composer: ScoreComposer) -> None:
        self._ahead = ahead
        self._place = place
        self._composer = composer

    @property
    def engine(self) -> str:
        return self._composer.engine

    def compose_stage(self, request: ScoreRequest, stage: int, so_far: Path | None, into: Path) -> Engine:
        engine = self._ahead.take(self._place, stage, request, into)
        return self._composer.compose_stage(request, stage, so_far, into) if engine is None else engine
