"""Fallback chains: who is asked when, and that a change of engine is always said."""

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import pytest

from luxvid_pipeline.domain import errors
from luxvid_pipeline.domain.errors import (
    BadKeyError,
    BudgetExceededError,
    ContentRefusedError,
    DamagedMediaError,
    InvalidRequestError,
    LedgerError,
    LuxVidError,
    MediaError,
    NoCreditError,
    ResultWaitsError,
    RetryableProviderError,
    StorageError,
    UnknownPaymentError,
)
from luxvid_pipeline.domain.fallback import FALLBACK_RULES, fallback_rule, moves_on
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.payments import Account, Spent
from luxvid_pipeline.domain.ports import Draft, Engine, PairChoice, Tagging
from luxvid_pipeline.providers.chains import ClipChain, SelectorChain, TaggerChain, WriterChain
from luxvid_pipeline.providers.local.writer import LocalWriter

MOVE_ON = [ContentRefusedError, InvalidRequestError, RetryableProviderError, MediaError]
STOP = [
    BadKeyError, BudgetExceededError, DamagedMediaError, LedgerError, NoCreditError, ResultWaitsError, StorageError,
    UnknownPaymentError, KeyError,
]  # fmt: skip


class Link:
    """One engine for every port; fails as told."""

    def __init__(self, engine, failure=None, most_at_once=2):
        self.engine, self.failure, self.most_at_once = engine, failure, most_at_once
        self.asked = 0
        self.at_once = self.most_seen = 0

    def _answer(self, answer):
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return answer

    def tag(self, photos, manifest, account=None):
        return self._answer(Tagging(photos=(), engine=Engine(name=self.engine)))

    def write(self, listing, manifest, catalogue, account=None):
        return self._answer(Draft(storyboard=BOARD, engine=Engine(name=self.engine)))

    def select(self, storyboard, catalogue, files, account=None, *, pinned=None):
        return self._answer(PairChoice(pairs=(), engine=Engine(name=self.engine, degraded_reason="one scene by hand")))

    async def shoot(self, request, into, progress=None):
        self.at_once += 1
        self.most_seen = max(self.most_seen, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        into.write_text(self.engine)
        return self._answer(Engine(name=self.engine))


def asked_of(port, links, into):
    if port == "clips":
        return asyncio.run(ClipChain(links).shoot(UNPAID, into))
    if port == "tagger":
        return TaggerChain(links).tag([], ListingManifest()).engine
    if port == "writer":
        return WriterChain(links).write("villa", ListingManifest(), []).engine
    return SelectorChain(links).select(BOARD, [], {}).engine


BOARD = LocalWriter().write("villa", ListingManifest(), []).storyboard
UNPAID = SimpleNamespace(account=None)
PORTS = ["tagger", "writer", "selector", "clips"]


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("failure", MOVE_ON)
def test_the_next_engine_takes_over_and_both_are_named(tmp_path, port, failure):
    links = [Link("acme/best", failure("not today")), Link("acme/second"), Link("local")]
    engine = asked_of(port, links, tmp_path / "clip.mp4")
    assert engine.name == "acme/second"
    assert all(told in engine.degraded_reason for told in ("acme/best", "not today", "acme/second"))
    assert links[2].asked == 0


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("failure", STOP)
def test_what_no_other_engine_could_mend_stops_the_chain(tmp_path, port, failure):
    links = [Link("acme/best", failure("not today")), Link("local")]
    with pytest.raises(failure):
        asked_of(port, links, tmp_path / "clip.mp4")
    assert links[1].asked == 0


@pytest.mark.parametrize("port", PORTS)
def test_the_last_engines_failure_is_the_chains(tmp_path, port):
    links = [Link("acme/best", ContentRefusedError("no")), Link("local", MediaError("no photo"))]
    with pytest.raises(MediaError, match="no photo"):
        asked_of(port, links, tmp_path / "clip.mp4")


def test_nothing_is_said_where_the_first_engine_did_it(tmp_path):
    assert asked_of("clips", [Link("acme/best"), Link("local")], tmp_path / "clip.mp4").degraded_reason == ""
    assert asked_of("selector", [Link("acme/best"), Link("local")], tmp_path).degraded_reason == "one scene by hand"


def test_what_failed_and_was_charged_is_told_on_what_was_made_instead():
    charged = {"villa": Spent(cost_usd=Decimal("0.40"), requests=1)}
    account = Account(listing="villa", stage="tagger", run_id="run")
    links = [Link("acme/best", ContentRefusedError("no")), Link("local")]
    chain = TaggerChain(links, lambda who: charged[who.listing])
    told = chain.tag([], ListingManifest(), account).engine
    assert (told.name, told.cost_usd, told.paid_calls) == ("local", 0.40, 1)
    nobody_pays = chain.tag([], ListingManifest(), None).engine
    assert (nobody_pays.cost_usd, nobody_pays.paid_calls) == (0.0, 0)


def test_each_engine_of_a_chain_keeps_to_what_it_does_at_the_same_time(tmp_path):
    cloud, local = Link("acme/best", ContentRefusedError("no"), most_at_once=32), Link("local", most_at_once=2)
    chain = ClipChain([cloud, local])

    async def film():
        return await asyncio.gather(*(chain.shoot(UNPAID, tmp_path / f"{scene}.mp4") for scene in range(7)))

    assert [engine.name for engine in asyncio.run(film())] == ["local"] * 7
    assert chain.most_at_once == 32
    assert cloud.most_seen == 7
    assert local.most_seen == 2


def test_the_table_decides_about_every_error_there_is():
    def below(kind):
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    inputs = {*below(errors.InputError), errors.InputError}
    others = {errors.TimelineError, errors.ScenesFailedError}
    undecided = {
        kind for kind in below(LuxVidError) if fallback_rule(kind("x")) is None and kind.__module__ == errors.__name__
    }
    assert undecided == inputs | others
    assert not any(moves_on(kind("x")) for kind in undecided)
    assert all(rule.why and rule.told for rule in FALLBACK_RULES)
