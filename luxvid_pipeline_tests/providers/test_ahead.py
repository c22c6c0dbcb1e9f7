"""A score played ahead: stage by stage in a thread, taken by whoever asks, ended in time, nothing sent twice."""

import asyncio
import threading
import time

import pytest

from luxvid_pipeline.domain.errors import BadKeyError, ContentRefusedError
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.ports import Engine, ScoreRequest
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.providers.ahead import ScoreAhead
from luxvid_pipeline.providers.replicate.score import MUSICGEN, ReplicateScore
from luxvid_pipeline_tests.providers.replicate.desk import desk_for
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script


def asked(stages=3, listing="villa"):
    def shot(number):
        return Shot(
            scene=f"{number + 1}-scene",
            subject="",
            camera="",
            prompt="",
            negative_prompt="",
            score_prompt="soft piano",
            seconds=4,
        )

    account = Account(listing=listing, stage="score")
    return ScoreRequest(
        listing=listing,
        style="calm",
        shots=tuple(shot(n) for n in range(stages)),
        stage_seconds=(4.0,) * stages,
        account=account,
    )


class Composer:
    """Writes who played which stage; fails, or waits to be let on, where it is told to."""

    def __init__(self, engine="hosted/one", fail_at=None, failure=None, wait_at=None):
        self.engine = engine
        self.stages = []
        self.began, self.let_on = threading.Event(), threading.Event()
        self._fail_at, self._failure, self._wait_at = fail_at, failure, wait_at
        self.stopped = False

    def compose_stage(self, request, stage, so_far, into):
        self.stages.append(stage)
        if stage == self._wait_at:
            self.began.set()
            assert self.let_on.wait(10)
            if self.stopped:
                raise asyncio.CancelledError
        if stage == self._fail_at:
            raise self._failure
        into.write_text((so_far.read_text() if so_far else "") + f"{self.engine}/{stage} ")
        return Engine(name=self.engine, cost_usd=0.1, paid_calls=1)

    def stop(self):
        self.stopped = True
        self.let_on.set()


def take_all(ahead, request, folder, place=0):
    engines, so_far = [], None
    for stage in range(len(request.stage_seconds)):
        into = folder / f"{place}-{stage}.flac"
        engines.append(ahead.composers[place].compose_stage(request, stage, so_far, into))
        so_far = into
    return so_far.read_text(), engines


def test_every_stage_is_played_once_and_keeps_its_account(tmp_path):
    composer, request, told = Composer(), asked(), []
    ahead = ScoreAhead([composer], request, progress=told.append)
    with ahead.playing():
        played, engines = take_all(ahead, request, tmp_path)
    assert played == "hosted/one/0 hosted/one/1 hosted/one/2 "
    assert composer.stages == [0, 1, 2]
    assert [(engine.cost_usd, engine.paid_calls) for engine in engines] == [(0.1, 1)] * 3
    assert told == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]


def test_it_plays_while_nobody_asks_yet():
    composer = Composer(wait_at=2)
    with ScoreAhead([composer], asked()).playing():
        assert composer.began.wait(10)
        composer.let_on.set()
    assert composer.stages == [0, 1, 2]


def test_what_an_earlier_run_kept_is_not_played(tmp_path):
    first = tmp_path / "kept.flac"
    first.write_text("kept/0 ")
    composer, request = Composer(), asked()
    ahead = ScoreAhead([composer], request, kept=lambda _, stage: first if stage == 0 else None)
    with ahead.playing():
        ahead.composers[0].compose_stage(request, 1, first, tmp_path / "1.flac")
    assert (tmp_path / "1.flac").read_text() == "kept/0 hosted/one/1 "
    assert 0 not in composer.stages


def test_a_failure_is_the_askers_own_and_the_next_engine_plays_on(tmp_path):
    one = Composer("hosted/one", fail_at=1, failure=ContentRefusedError("no such mood"))
    two = Composer("hosted/two")
    request = asked()
    ahead = ScoreAhead([one, two], request)
    with ahead.playing():
        assert ahead.composers[0].compose_stage(request, 0, None, tmp_path / "0.flac").name == "hosted/one"
        with pytest.raises(ContentRefusedError, match="no such mood"):
            ahead.composers[0].compose_stage(request, 1, tmp_path / "0.flac", tmp_path / "1.flac")
        played, _ = take_all(ahead, request, tmp_path, place=1)
    assert played == "hosted/two/0 hosted/two/1 hosted/two/2 "
    assert (one.stages, two.stages) == ([0, 1], [0, 1, 2])


def test_a_failure_that_stops_the_work_asks_no_other_engine(tmp_path):
    one, two = Composer(fail_at=0, failure=BadKeyError("the key was refused")), Composer("hosted/two")
    request = asked()
    ahead = ScoreAhead([one, two], request)
    with ahead.playing(), pytest.raises(BadKeyError, match="the key was refused"):
        ahead.composers[0].compose_stage(request, 0, None, tmp_path / "0.flac")
    assert two.stages == []


def test_another_score_than_the_one_played_is_played_by_the_engine_itself(tmp_path):
    composer, other = Composer(), asked(listing="other")
    ahead = ScoreAhead([composer], asked())
    with ahead.playing():
        ahead.composers[0].compose_stage(other, 0, None, tmp_path / "0.flac")
    assert composer.stages.count(0) == 2


def test_an_error_elsewhere_lets_the_stage_under_way_end_and_begins_no_other():
    composer = Composer(wait_at=0)

    def fail():
        with ScoreAhead([composer], asked()).playing():
            assert composer.began.wait(10)
            threading.Timer(0.1, composer.let_on.set).start()
            raise ContentRefusedError("a clip")

    with pytest.raises(ContentRefusedError, match="a clip"):
        fail()
    assert composer.stages == [0]
    assert not composer.stopped


def test_an_interruption_cancels_the_stage_under_way():
    composer = Composer(wait_at=1)

    def interrupt():
        with ScoreAhead([composer], asked()).playing():
            assert composer.began.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert composer.stopped
    assert composer.stages == [0, 1]


def test_a_stopped_musicgen_cancels_at_the_vendor_and_sends_nothing_more(tmp_path):
    with ReplicateSimulator(speed=0.001) as sim:
        sim.script.prediction(MUSICGEN, script.hold())
        composer, request = ReplicateScore(MUSICGEN, desk_for(sim.base_url, tmp_path)), asked(stages=2)

        def interrupt():
            with ScoreAhead([composer], request).playing():
                deadline = time.monotonic() + 10
                while not sim.log.entries(event="get"):
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupt()
        assert [prediction.status for prediction in sim.accepted] in (["canceled"], ["aborted"])
        with pytest.raises(asyncio.CancelledError):
            composer.compose_stage(request, 0, None, tmp_path / "again.flac")
        assert sim.counters()["accepted"] == 1
