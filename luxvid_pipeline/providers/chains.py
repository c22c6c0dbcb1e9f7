"""Fallback chains: several engines behind one port, the next one where the one before may be replaced.

Belongs here: one chain a port that is answered in one piece.
Does not belong here: which failure moves on (``domain/fallback.py``), the score's chain (``assets/score.py``: stages
continue one another, so a change of engine begins the score again), the engines.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from luxvid_pipeline.domain.errors import StoppedError, TakesFailedError
from luxvid_pipeline.domain.fallback import moves_on, step_in_words
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import Account, SpentBy
from luxvid_pipeline.domain.photos import CataloguedPhoto, WorkingPhoto
from luxvid_pipeline.domain.ports import (
    ClipGenerator,
    ClipRequest,
    Draft,
    Engine,
    PairChoice,
    PairSelector,
    PhotoTagger,
    Progress,
    ScoreComposer,
    StoryboardWriter,
    Tagging,
    ignore_progress,
)
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.takes import TakeRecord
from luxvid_pipeline.providers.local.silence import SILENCE


class _Named(Protocol):
    @property
    def engine(self) -> str: ...


_Link = TypeVar("_Link", bound=_Named)
_Result = TypeVar("_Result")


class _Chain(Generic[_Link]):
    def __init__(self, links: Sequence[_Link], spent_by: SpentBy | None = None) -> None:
        """Take the engines in the order in which they are asked, at least one, and who knows what they cost."""
        self.links = tuple(links)
        self._spent_by = spent_by

    @property
    def engine(self) -> str:
        """All engines in order, as the setting names them."""
        return ",".join(link.engine for link in self.links)

    def _first(self, ask: Callable[[_Link], _Result]) -> tuple[_Result, list[str]]:
        """Return the first answer and what became of the engines before."""
        steps: list[str] = []
        for link in self.links[:-1]:
            try:
                return ask(link), steps
            except Exception as error:
                if not moves_on(error):
                    raise
                steps.append(step_in_words(link.engine, error))
        return ask(self.links[-1]), steps

    def billed(self, engine: Engine, account: Account | None) -> Engine:
        """Return an engine's account with all that its run has paid for the work.

        An engine knows what its own success cost. What failed before it, here or with another engine, and was charged
        all the same, is only in the ledger.
        """
        if account is None or self._spent_by is None:
            return engine
        spent = self._spent_by(account)
        return replace(
            engine,
            cost_usd=max(engine.cost_usd, float(spent.cost_usd)),
            paid_calls=max(engine.paid_calls, spent.requests),
        )

    def _told(self, steps: Sequence[str], engine: Engine, account: Account | None) -> Engine:
        """Return an engine's account with what went before it: whose place it took, and what that cost."""
        return self.billed(after(steps, engine), account)


class TaggerChain(_Chain[PhotoTagger]):
    """Photo taggers in turn."""

    def tag(self, photos: Sequence[WorkingPhoto], manifest: ListingManifest, account: Account | None = None) -> Tagging:
        """Return the catalogue of the first tagger that can make it; see ``PhotoTagger``."""
        tagging, steps = self._first(lambda link: link.tag(photos, manifest, account))
        return replace(tagging, engine=self._told(steps, tagging.engine, account))


class WriterChain(_Chain[StoryboardWriter]):
    """Storyboard writers in turn."""

    def write(
        self,
        listing: str,
        manifest: ListingManifest,
        catalogue: Sequence[CataloguedPhoto],
        account: Account | None = None,
    ) -> Draft:
        """Return the storyboard of the first writer that can write it; see ``StoryboardWriter``."""
        draft, steps = self._first(lambda link: link.write(listing, manifest, catalogue, account))
        return replace(draft, engine=self._told(steps, draft.engine, account))


class SelectorChain(_Chain[PairSelector]):
    """Pair selectors in turn."""

    def select(
        self,
        storyboard: Storyboard,
        catalogue: Sequence[CataloguedPhoto],
        files: Mapping[str, Path],
        account: Account | None = None,
        *,
        pinned: Mapping[str, ScenePair] | None = None,
    ) -> PairChoice:
        """Return the choice of the first selector that can make it; see ``PairSelector``."""
        choice, steps = self._first(lambda link: link.select(storyboard, catalogue, files, account, pinned=pinned))
        return replace(choice, engine=self._told(steps, choice.engine, account))


class ClipChain(_Chain[ClipGenerator]):
    """Clip generators in turn, scene by scene; each engine keeps to what it does well at the same time."""

    def __init__(
        self, links: Sequence[ClipGenerator], spent_by: SpentBy | None = None, spare: ClipGenerator | None = None
    ) -> None:
        """Take the engines, at least one, and who knows what they cost.

        Args:
            links: In the order in which they are asked.
            spent_by: Tells what was paid for a scene.
            spare: Who shoots a scene of which engines made takes and none passed its gate: what was shot and found
                bad never stops a film. It is asked for nothing else.
        """
        super().__init__(links, spent_by)
        self._spare = spare
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, list[asyncio.Semaphore]] = WeakKeyDictionary()

    @property
    def most_at_once(self) -> int:
        """As many as the most patient engine takes; each waits for its own places."""
        return max(link.most_at_once for link in self.links)

    async def shoot(self, request: ClipRequest, into: Path, progress: Progress = ignore_progress) -> Engine:
        """Write the clip of the first engine that can shoot it; see ``ClipGenerator``."""
        loop = asyncio.get_running_loop()
        places = self._places.setdefault(loop, [asyncio.Semaphore(link.most_at_once) for link in self.links])
        steps: list[str] = []
        takes: list[TakeRecord] = []
        for link, place in zip(self.links, places, strict=True):
            try:
                async with place:
                    engine = await link.shoot(request, into, progress)
            except Exception as error:
                into.unlink(missing_ok=True)
                if isinstance(error, TakesFailedError):
                    takes += error.takes
                is_last = link is self.links[-1]
                # Where takes were found bad, neither the end of the chain nor a budget is the end of the scene.
                if takes and self._spare is not None and (is_last or isinstance(error, StoppedError)):
                    steps.append(step_in_words(link.engine, error))
                    break
                if is_last or not moves_on(error):
                    raise
                steps.append(step_in_words(link.engine, error))
            else:
                return await self._accounted(request, steps, takes, engine)
        if self._spare is None:
            raise RuntimeError("a chain without engines was asked to shoot")
        return await self._accounted(request, steps, takes, await self._spare.shoot(request, into, progress))

    async def _accounted(
        self, request: ClipRequest, steps: Sequence[str], takes: Sequence[TakeRecord], engine: Engine
    ) -> Engine:
        account = replace(request.account, scene=request.shot.scene) if request.account else None
        told = await asyncio.to_thread(self._told, steps, engine, account)
        return replace(told, takes=(*takes, *told.takes))


COST_NOTHING = frozenset({"local", SILENCE})
"""Composers that are asked whatever stopped those that cost money."""


class ScoreChain(_Chain[ScoreComposer]):
    """Score composers in turn. A stage continues the one before, so ``soundtrack`` asks each for the whole score."""


def composers_of(composer: ScoreComposer | ScoreChain) -> tuple[ScoreComposer, ...]:
    """Return the composers in the order in which they are asked."""
    return composer.links if isinstance(composer, ScoreChain) else (composer,)


def after(steps: Sequence[str], engine: Engine) -> Engine:
    """Return an engine's account with what became of the engines before it, so that nothing is replaced silently."""
    if not steps:
        return engine
    reason = "; ".join([*steps, f"made by {engine.name} instead"])
    return replace(engine, degraded_reason="; ".join(filter(None, [reason, engine.degraded_reason])))
