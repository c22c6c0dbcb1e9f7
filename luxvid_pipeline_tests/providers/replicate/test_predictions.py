"""A paid request is paid for once: what happens at every step that can go wrong."""

import asyncio
import errno
import os
import random
import signal
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from PIL import Image

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    BudgetExceededError,
    ContentRefusedError,
    DamagedMediaError,
    InvalidRequestError,
    MediaError,
    NoCreditError,
    ProviderError,
    ResultWaitsError,
    RetryableProviderError,
    StorageError,
    UnknownPaymentError,
)
from luxvid_pipeline.domain.payments import Account, PaymentState
from luxvid_pipeline.ledger.payments import Decision, SqlLedger
from luxvid_pipeline.ledger.processes import Process
from luxvid_pipeline.providers.replicate import predictions
from luxvid_pipeline.providers.replicate.client import Patience, ReplicateApi, Timekeeper, read_prediction
from luxvid_pipeline.providers.replicate.failures import VendorFailureError, prediction_failure
from luxvid_pipeline.providers.replicate.predictions import deliver
from luxvid_pipeline_tests.forks import in_another_process
from luxvid_pipeline_tests.providers.replicate.desk import KEY, MODEL, NO_PATIENCE, desk_for, veo_order
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def sim(cache):
    with ReplicateSimulator(picture_scale=0.1, cache=cache, seed=1, speed=0.0001) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "pool.jpg"
    Image.effect_noise((320, 180), 60).convert("RGB").save(path)
    return path


def run(order, desk):
    return asyncio.run(deliver(order, desk))


def row(desk, order):
    return desk.ledger.payment(order.request.key)


def test_a_clip_is_paid_for_once_and_then_comes_from_the_shelf(sim, photo, tmp_path):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    first, second = run(order, desk), run(order, desk)
    assert (first.paid_now, first.requests, first.cost_usd) == (True, 1, Decimal("0.4"))
    assert (second.paid_now, second.requests, second.cost_usd) == (False, 0, 0)
    assert first.sha256 == second.sha256
    assert sim.counters()["accepted"] == 1
    assert not sim.token_reached_delivery
    (create,) = sim.log.entries(event="create")
    assert create["headers"]["cancel-after"] == "80s"


def test_four_tasks_that_ask_for_the_same_clip_pay_once(sim, photo, tmp_path):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)

    async def all_four():
        return await asyncio.gather(*(deliver(order, desk) for _ in range(4)))

    deliveries = asyncio.run(all_four())
    assert sum(delivery.cost_usd for delivery in deliveries) == Decimal("0.4")
    assert sim.counters()["accepted"] == 1


@pytest.mark.parametrize(
    ("event", "effect"),
    [
        pytest.param("create", script.drop_after(), id="the-job-exists-and-nobody-heard"),
        pytest.param("create", script.drop(), id="the-connection-broke-before-it-was-heard"),
        pytest.param("create", script.html(502), id="a-gateway-answers-for-the-vendor"),
        pytest.param("create", script.throttle(0.05), id="throttled"),
        pytest.param("create", script.throttle(0.05, header=False, body=False, words="none"), id="throttled-no-hint"),
        pytest.param("upload", script.html(503), id="the-upload-fails-once"),
        pytest.param("get", script.html(502), id="a-look-fails-once"),
        pytest.param("get", script.throttle(0.05), id="a-look-is-throttled"),
        pytest.param("get", script.drop(), id="a-look-breaks-off"),
        pytest.param("download", script.redirect(), id="redirected"),
        pytest.param("download", script.short_body(), id="the-download-breaks-off"),
        pytest.param("download", script.wrong_length(), id="the-length-is-wrong"),
        pytest.param("download", script.wrong_type(), id="a-page-instead-of-a-clip"),
        pytest.param("download", script.garbage(), id="no-video-inside"),
        pytest.param("download", script.html(503), id="the-delivery-host-is-busy"),
        pytest.param("prediction", script.early_output(), id="output-before-the-end"),
        pytest.param("prediction", script.inline_output(), id="output-inline"),
    ],
)
def test_trouble_on_the_way_costs_nothing_extra(sim, photo, tmp_path, event, effect):
    sim.script.on(event, effect)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    delivery = run(order, desk)
    assert delivery.cost_usd == Decimal("0.4")
    assert sim.counters()["accepted"] == 1
    assert row(desk, order).state is PaymentState.DELIVERED
    assert not sim.token_reached_delivery


@pytest.mark.parametrize(
    ("effect", "error", "words"),
    [
        pytest.param(script.insufficient_credit(), NoCreditError, "buy credit", id="no-credit"),
        pytest.param(script.unauthenticated(), BadKeyError, "REPLICATE_API_TOKEN", id="bad-key"),
        pytest.param(
            script.refuse_input(("enum", "input.duration", "must be 4, 6 or 8")),
            InvalidRequestError,
            "input.duration: must be 4, 6 or 8",
            id="refused-input",
        ),
        pytest.param(script.invalid_version(), InvalidRequestError, "gone", id="version-gone"),
        pytest.param(script.problem(404, "no such model"), InvalidRequestError, "gone", id="model-gone"),
    ],
)
def test_a_create_that_is_refused_is_one_clear_error_and_holds_no_money(sim, photo, tmp_path, effect, error, words):
    sim.script.on("create", effect, times=None)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with pytest.raises(error, match=words) as caught:
        run(order, desk)
    assert "1-arrival of villa-aurora" in str(caught.value)
    assert row(desk, order) is None
    assert sim.counters()["accepted"] == 0


@pytest.mark.parametrize(
    ("effect", "error", "state", "again"),
    [
        pytest.param(script.fail(script.E005), ContentRefusedError, PaymentState.FAILED, False, id="content-refused"),
        pytest.param(
            script.fail("Input validation error: image too small"),
            InvalidRequestError,
            PaymentState.FAILED,
            False,
            id="input-refused-late",
        ),
        pytest.param(script.end_as("aborted"), RetryableProviderError, PaymentState.FAILED, True, id="aborted"),
        pytest.param(script.end_as("canceled"), RetryableProviderError, PaymentState.FAILED, True, id="canceled"),
        pytest.param(script.output_null(), RetryableProviderError, PaymentState.FAILED, True, id="no-output"),
        pytest.param(script.data_removed(), RetryableProviderError, PaymentState.FAILED, True, id="output-lost"),
    ],
)
def test_a_prediction_without_a_result_is_one_clear_error(sim, photo, tmp_path, effect, error, state, again):
    sim.script.prediction(MODEL, effect)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with pytest.raises(error):
        run(order, desk)
    assert row(desk, order).state is state
    assert sim.counters()["accepted"] == 1
    if again:
        assert run(order, desk).requests == 1
    else:
        with pytest.raises(error, match="asked before"):
            run(order, desk)
        assert sim.counters()["accepted"] == 1


@pytest.mark.parametrize(
    ("effect", "cost_usd"),
    [
        pytest.param(script.odd_media(bytes="x"), "0.8", id="a-file-that-cannot-be-used"),
        pytest.param(script.output_null(), "0.8", id="no-output"),
        pytest.param(script.fail("something odd"), "0.4", id="failed"),
    ],
)
def test_a_retry_nobody_heard_is_not_taken_for_the_attempt_before_it(sim, photo, tmp_path, effect, cost_usd):
    sim.script.prediction(MODEL, effect, nth=1)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with pytest.raises(RetryableProviderError):
        run(order, desk)
    sim.script.on("create", script.drop(), times=1)
    assert run(order, desk).requests == 1
    ids = [entry.payment.prediction_id for entry in desk.ledger.rows(latest=False)]
    assert ids == [prediction.id for prediction in sim.accepted]
    assert desk.ledger.spent().cost_usd == Decimal(cost_usd)


def test_a_result_lost_at_the_vendor_keeps_its_cost(sim, photo, tmp_path):
    sim.script.prediction(MODEL, script.data_removed())
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with pytest.raises(RetryableProviderError, match="paid for; the vendor keeps results for one hour only"):
        run(order, desk)
    assert row(desk, order).cost_usd == Decimal("0.4")


@pytest.mark.parametrize("error", [script.E003, script.E004])
def test_high_demand_is_waited_out_and_asked_again(sim, photo, tmp_path, error):
    sim.script.prediction(MODEL, script.fail(error), times=2)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    assert run(order, desk).requests == 3
    assert row(desk, order).attempt == 3


def test_high_demand_that_lasts_ends_as_one_error(sim, photo, tmp_path):
    sim.script.prediction(MODEL, script.fail(script.E003), times=None)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with pytest.raises(RetryableProviderError, match=r"4 times.*high demand"):
        run(order, desk)
    assert row(desk, order).cost_usd == 0


def test_a_prediction_that_takes_too_long_is_cancelled(sim, photo, tmp_path):
    sim.speed = 1.0
    sim.script.prediction(MODEL, script.latency(0, 1000))
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo, deadline_s=0.2)
    with pytest.raises(RetryableProviderError, match="not done after"):
        run(order, desk)
    assert sim.accepted[0].status == "canceled"
    assert row(desk, order).state is PaymentState.FAILED


def test_a_run_that_is_ended_cancels_what_is_in_flight_and_the_next_goes_on(sim, photo, tmp_path):
    sim.script.prediction(MODEL, script.hold())
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo, deadline_s=100_000)

    async def interrupted():
        work = asyncio.create_task(deliver(order, desk))
        while not sim.accepted:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        work.cancel()
        await asyncio.wait([work])
        assert work.cancelled()

    asyncio.run(interrupted())
    assert sim.accepted[0].status == "canceled"
    assert run(order, desk).requests == 1
    assert sim.counters()["accepted"] == 2


def test_a_run_ended_while_the_request_is_on_its_way_still_hears_the_id(sim, photo, tmp_path):
    sim.script.on("create", script.delay(0.3))
    sim.script.prediction(MODEL, script.hold())
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo, deadline_s=100_000)

    async def interrupted():
        work = asyncio.create_task(deliver(order, desk))
        while (found := row(desk, order)) is None or found.state is not PaymentState.SUBMITTING:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        work.cancel()
        await asyncio.wait([work])

    asyncio.run(interrupted())
    assert sim.accepted[0].status == "canceled"
    assert row(desk, order).state is PaymentState.FAILED


class InterruptedAt:
    """A ledger, or a shelf, whose user is cancelled while one of its methods is at work."""

    def __init__(self, real, method, cancel):
        self._real, self._method, self._cancel = real, method, cancel

    def __getattr__(self, name):
        method = getattr(self._real, name)
        if name != self._method:
            return method

        def interrupted(*args, **kwargs):
            self._cancel()
            time.sleep(0.02)  # the cancellation arrives while this is at work
            return method(*args, **kwargs)

        return interrupted


@pytest.mark.parametrize("step", ["claim", "submitting", "submitted", "finished", "keep", "delivered", "fetch"])
def test_a_run_ended_at_any_step_leaves_nothing_doubtful_and_the_next_pays_once(sim, photo, tmp_path, step):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)

    async def interrupted():
        loop = asyncio.get_running_loop()

        def cancel():
            loop.call_soon_threadsafe(work.cancel)

        ending = desk_for(sim.base_url, tmp_path)
        ending.ledger = InterruptedAt(ending.ledger, step, cancel)
        ending.shelf = InterruptedAt(ending.shelf, step, cancel)
        work = asyncio.create_task(deliver(order, ending))
        await asyncio.wait([work])
        assert work.cancelled()

    asyncio.run(interrupted())
    left = {entry.payment.state for entry in desk.ledger.rows()}
    known = {PaymentState.SUBMITTED, PaymentState.FINISHED, PaymentState.DELIVERED, PaymentState.FAILED}
    assert left <= known, "neither a reservation nor a doubt stays behind"
    assert run(order, desk).path.exists()
    useful = [prediction for prediction in sim.accepted if prediction.status == "succeeded"]
    assert len(useful) == 1
    assert sum(entry.payment.cost_usd for entry in desk.ledger.rows(latest=False)) == Decimal("0.4")


def _sent_by_a_process_that_died(sim, order, desk, *, accepted, prediction_id=False):
    """Leave the ledger as a crash would: the request written down as leaving, or as sent."""

    async def send():
        async with desk.api.session() as api:
            urls = {name: await api.upload(file.path, file.content_type) for name, file in order.files.items()}
            given = {name: urls.get(value, value) for name, value in order.request.input.items()}
            return await api.create(order.request.model, "", given)

    desk.ledger.claim(order.request)
    desk.ledger.submitting(order.request.key)
    made = asyncio.run(send()) if accepted else None
    if made is not None and prediction_id:
        desk.ledger.submitted(order.request.key, made.id)
    desk.ledger.let_go([order.request.key])
    return made


@pytest.mark.parametrize(
    ("accepted", "known", "creates"),
    [
        pytest.param(True, True, 1, id="died-while-polling"),
        pytest.param(True, False, 1, id="died-before-it-heard-the-id"),
        pytest.param(False, False, 1, id="died-before-it-was-sent"),
    ],
)
def test_a_crash_is_settled_without_a_second_payment(sim, photo, tmp_path, accepted, known, creates):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    other = veo_order(photo, prompt="another scene")
    run(other, desk)
    _sent_by_a_process_that_died(sim, order, desk, accepted=accepted, prediction_id=known)
    assert run(order, desk).cost_usd == Decimal("0.4")
    assert sim.counters()["accepted"] == creates + 1


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param(lambda given: given | {"seed": 7}, UnknownPaymentError, id="with-a-default-added"),
        pytest.param(lambda given: {"prompt": given["prompt"]}, UnknownPaymentError, id="with-fields-left-out"),
        pytest.param(lambda given: given | {"seed": 7, "prompt": "a barn"}, None, id="another-one"),
    ],
)
def test_what_the_vendor_shows_with_other_fields_is_not_sent_again(sim, photo, tmp_path, changed, error):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    _sent_by_a_process_that_died(sim, order, desk, accepted=True)
    sim.accepted[0].given = changed(sim.accepted[0].given)
    with nullcontext() if error is None else pytest.raises(error, match=sim.accepted[0].id):
        run(order, desk)
    assert sim.counters()["accepted"] == (2 if error is None else 1)


@pytest.mark.parametrize("odd", [{"error": {"code": 7}}, {"metrics": [1], "input": "removed"}])
def test_an_answer_of_an_odd_shape_is_read(odd):
    prediction = read_prediction({"id": "p1", "status": "failed", "error": "(E006)", **odd})
    assert isinstance(prediction_failure(prediction.error), VendorFailureError)
    assert (prediction.metrics, prediction.input) == ({}, {})


def test_what_cannot_be_looked_at_for_want_of_files_is_fetched_later_and_not_bought_again(sim, photo, tmp_path):
    def check(_clip):
        cause = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        raise MediaError("the clip cannot be read: too many open files") from cause

    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with pytest.raises(StorageError, match=r"paid for .*too many open files\); run it again"):
        run(replace(order, check=check), desk)
    assert row(desk, order).state is PaymentState.FINISHED
    assert run(order, desk).requests == 0


def test_a_forked_child_waits_for_no_task_of_its_parent(sim, photo, tmp_path):
    order = veo_order(photo)

    async def forks_at_work():
        async with predictions._alone_with(order.request.key):
            return in_another_process(lambda: run(order, desk_for(sim.base_url, tmp_path)))

    child, ends = asyncio.run(forks_at_work()), time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)
    assert sim.counters()["accepted"] == 1


def _desk_with_a_clock(base_url, folder, ahead):
    """A desk on a machine whose clock is ahead by so much."""

    def now():
        return datetime.now(UTC) + ahead

    desk = desk_for(base_url, folder, timekeeper=Timekeeper(now=now))
    desk.ledger = SqlLedger(f"sqlite:///{folder / 'ledger.db'}", clock=now)
    return desk


HOURS = timedelta(hours=5)


@pytest.mark.parametrize(
    ("then", "now"),
    [
        pytest.param(HOURS, HOURS, id="ahead"),
        pytest.param(-HOURS, -HOURS, id="behind"),
        pytest.param(HOURS, timedelta(0), id="ahead-and-put-right-since"),
        pytest.param(HOURS, None, id="ahead-in-one-process"),
    ],
)
def test_a_clock_that_is_wrong_pays_for_nothing_twice(sim, photo, tmp_path, then, now):
    order, desk = veo_order(photo), _desk_with_a_clock(sim.base_url, tmp_path, then)
    if now is None:
        sim.script.on("create", script.late(0.0, drop=True), nth=1)
    else:
        _sent_by_a_process_that_died(sim, order, desk, accepted=True)
        desk = _desk_with_a_clock(sim.base_url, tmp_path, now)
    assert run(order, desk).cost_usd == Decimal("0.4")
    assert sim.counters()["accepted"] == 1


def _without_files(order):
    """The same order with nothing to upload: sending it is the first that the vendor hears of the process."""
    given = {name: value for name, value in order.request.input.items() if value not in order.files}
    return replace(order, request=replace(order.request, input=given), files={})


@pytest.mark.parametrize("prepared", [pytest.param(lambda order: order, id="uploads"), _without_files])
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), -timedelta(minutes=10), timedelta(0)])
def test_what_was_sent_by_a_wrong_clock_is_found_long_after_it_was_put_right(sim, photo, tmp_path, prepared, ahead):
    order, desk = prepared(veo_order(photo)), _desk_with_a_clock(sim.base_url, tmp_path, ahead)
    desk.api.patience = replace(NO_PATIENCE, safe_s=0.05)
    ago = timedelta(minutes=15)
    desk.ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=lambda: datetime.now(UTC) + ahead - ago)
    sim.script.on("create", script.late(0.0, drop=True), nth=1)
    sim.script.on("list", script.html(500), times=None)
    with pytest.raises(ResultWaitsError):
        run(order, desk)
    assert row(desk, order).clock_ahead_s == pytest.approx(ahead.total_seconds(), abs=5)
    assert row(desk, order).metrics == {}
    sim.script.clear()
    sim.age(ago.total_seconds())
    assert run(order, desk_for(sim.base_url, tmp_path)).requests == 0
    assert sim.counters()["accepted"] == 1


@pytest.mark.parametrize("when", ["nobody told", "it was told", "the clock was set since"])
def test_the_vendors_time_is_asked_for_once_where_no_answer_has_told_it(sim, photo, tmp_path, when):
    offset = [timedelta(0)]
    timekeeper = Timekeeper(now=lambda: datetime.now(UTC) + offset[0])
    desk, order = desk_for(sim.base_url, tmp_path, timekeeper=timekeeper), veo_order(photo)
    if when != "nobody told":
        run(order, desk)
    if when == "the clock was set since":
        offset[0] = HOURS
    for prompt in ("waves", "wind"):
        run(_without_files(veo_order(photo, prompt)), desk)
    assert sim.counts["other"] == (when != "it was told")


@pytest.mark.parametrize(
    ("date", "ahead_s"),
    [
        pytest.param(None, None, id="never-told"),
        pytest.param("at noon", None, id="no-date"),
        pytest.param("Sun, 29 Nov 2026 12:00:00 GMT", 600.0, id="told"),
        pytest.param("Sun, 29 Nov 2026 12:00:00 -0000", None, id="of-no-zone"),
    ],
)
def test_a_vendor_that_does_not_tell_the_time_is_asked_once(date, ahead_s):
    seen = []

    def answer(request):
        seen.append(request.url.path)
        return httpx.Response(401, headers={} if date is None else {"Date": date})

    noon = datetime(2026, 11, 29, 12, 10, tzinfo=UTC)
    api = ReplicateApi(
        KEY,
        timekeeper=Timekeeper(now=lambda: noon, monotonic=lambda: 0.0),
        transport=lambda: httpx.MockTransport(answer),
    )

    async def ask():
        for _ in range(2):
            async with api.session() as session:
                await session.learn_time()
        return api.clock_ahead_s

    assert (asyncio.run(ask()), seen) == (ahead_s, ["/v1/account"])


def test_what_is_not_the_vendors_answer_makes_no_prediction_unknown(sim, photo, tmp_path):
    patience = replace(NO_PATIENCE, safe_s=0.1)
    desk, order = desk_for(sim.base_url, tmp_path, patience=patience), veo_order(photo, deadline_s=0.3)
    _sent_by_a_process_that_died(sim, order, desk, accepted=True, prediction_id=True)
    sim.script.on("get", script.html(404), times=None)
    with pytest.raises(ResultWaitsError, match="no answer of Replicate's API; check REPLICATE_BASE_URL"):
        run(order, desk)
    assert row(desk, order).state is PaymentState.SUBMITTED
    sim.script.clear()
    assert run(veo_order(photo), desk).requests == 0


@pytest.mark.parametrize("finished", [False, True])
def test_an_id_that_the_vendor_does_not_know_is_left_to_a_person(sim, photo, tmp_path, finished):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    made = _sent_by_a_process_that_died(sim, order, desk, accepted=True, prediction_id=True)
    if finished:
        desk.ledger.claim(order.request)
        desk.ledger.finished(order.request.key, Decimal("0.4"), {})
        desk.ledger.let_go([order.request.key])
    sim.script.on("get", script.problem(404, "not found"), times=None)
    for _ in range(2):
        with pytest.raises(UnknownPaymentError, match=made.id):
            run(order, desk)
        assert row(desk, order).state is PaymentState.UNKNOWN
    sim.script.clear()
    desk.ledger.settle(order.request.key, Decision.FOUND, by="maria", prediction_id=made.id)
    assert run(order, desk).requests == 0
    assert desk.ledger.spent().cost_usd == Decimal("0.4")


def test_an_id_that_the_vendor_does_not_know_yet_is_looked_at_again(sim, photo, tmp_path):
    sim.script.on("get", script.problem(404, "not found"), times=1)
    assert run(veo_order(photo), desk_for(sim.base_url, tmp_path)).requests == 1


LATE = replace(NO_PATIENCE, take_up_s=1.0)


@pytest.mark.parametrize("drop", [pytest.param(False, id="a-gateway-gave-up"), pytest.param(True, id="broke-off")])
def test_a_request_that_is_taken_up_late_is_followed_and_not_sent_again(sim, photo, tmp_path, drop):
    sim.script.on("create", script.late(0.6, drop=drop), nth=1)
    desk, order = desk_for(sim.base_url, tmp_path, patience=LATE), veo_order(photo)
    assert run(order, desk).cost_usd == Decimal("0.4")
    time.sleep(0.5)
    assert sim.counters()["accepted"] == 1
    assert len(sim.log.entries(event="create")) == 1


def test_a_dead_process_s_request_that_is_taken_up_late_is_followed_and_not_sent_again(sim, photo, tmp_path):
    desk, order = desk_for(sim.base_url, tmp_path, patience=LATE), veo_order(photo)
    desk.ledger.claim(order.request)
    sim.script.on("create", script.late(0.6), nth=1)
    with pytest.raises(VendorFailureError):
        _sent_by_a_process_that_died(sim, order, desk, accepted=True)
    desk.ledger.let_go([order.request.key])
    assert run(order, desk).cost_usd == Decimal("0.4")
    time.sleep(0.5)
    assert sim.counters()["accepted"] == 1


@pytest.mark.parametrize(
    ("ago", "ahead_s", "waits"),
    [
        pytest.param(timedelta(0), None, True, id="just-sent"),
        pytest.param(timedelta(hours=1), None, False, id="sent-an-hour-ago"),
        pytest.param(timedelta(days=-1), None, True, id="sent-by-a-clock-that-was-ahead"),
        pytest.param(timedelta(hours=1), -3600.0, True, id="just-sent-by-a-clock-known-to-be-behind"),
    ],
)
def test_an_empty_list_is_believed_once_the_request_can_no_longer_be_under_way(
    sim, photo, tmp_path, ago, ahead_s, waits
):
    desk, order = desk_for(sim.base_url, tmp_path, patience=LATE), veo_order(photo)
    then = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=lambda: datetime.now(UTC) - ago)
    then.claim(order.request)
    then.submitting(order.request.key, clock_ahead_s=ahead_s)
    then.let_go([order.request.key])
    began = time.monotonic()

    async def until_sent():
        work = asyncio.create_task(deliver(order, desk))
        while not sim.log.entries(event="create"):
            await asyncio.sleep(0.02)
        waited_s, looks = time.monotonic() - began, len(sim.log.entries(event="list"))
        await work
        return waited_s, looks

    waited_s, looks = asyncio.run(until_sent())
    assert looks > 2 if waits else looks == 2
    assert waited_s > LATE.take_up_s or not waits


def test_a_run_ended_while_a_request_may_still_be_taken_up_ends_at_once_and_the_next_finds_it(sim, photo, tmp_path):
    sim.script.on("create", script.late(0.4), nth=1)
    desk, order = desk_for(sim.base_url, tmp_path, patience=LATE), veo_order(photo)

    async def interrupted():
        work = asyncio.create_task(deliver(order, desk))
        while not sim.log.entries(event="list"):
            await asyncio.sleep(0.01)
        began = time.monotonic()
        work.cancel()
        await asyncio.wait([work])
        return time.monotonic() - began

    assert asyncio.run(interrupted()) < 0.5
    assert row(desk, order).state is PaymentState.SUBMITTING
    assert run(order, desk).requests == 0
    assert sim.counters()["accepted"] == 1


def test_a_request_may_be_taken_up_for_as_long_as_its_answer_may_take():
    assert Patience().take_up_s >= Patience().connect_s + Patience().create_s


def test_what_can_no_longer_be_told_is_left_to_a_person(sim, photo, tmp_path):
    patience = Patience(**{**_fields(NO_PATIENCE), "skew_s": 7200.0})
    desk, order = desk_for(sim.base_url, tmp_path, patience=patience), veo_order(photo)
    _sent_by_a_process_that_died(sim, order, desk, accepted=True)
    sim.age(3700)
    with pytest.raises(UnknownPaymentError, match="luxvid ledger"):
        run(order, desk)
    assert row(desk, order).state is PaymentState.UNKNOWN
    with pytest.raises(UnknownPaymentError):
        run(order, desk)
    assert sim.counters()["accepted"] == 1


def _fields(patience):
    return {name: getattr(patience, name) for name in patience.__dataclass_fields__}


def test_a_result_that_was_not_fetched_within_the_hour_is_said_to_be_lost(sim, photo, tmp_path):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    made = _sent_by_a_process_that_died(sim, order, desk, accepted=True, prediction_id=True)

    async def until_done():
        async with desk.api.session() as api:
            while not (await api.get(made.id)).final:
                await asyncio.sleep(0.02)

    asyncio.run(until_done())
    sim.age(3700)
    with pytest.raises(RetryableProviderError, match="result lost"):
        run(order, desk)
    assert row(desk, order).state is PaymentState.FAILED
    assert row(desk, order).cost_usd == Decimal("0.4")


@pytest.mark.parametrize(
    "effect",
    [
        pytest.param(script.html(403), id="a-proxy-that-lets-the-delivery-host-not-through"),
        pytest.param(script.html(407), id="a-proxy-that-wants-a-password"),
        pytest.param(script.problem(404, "not found"), id="a-file-that-is-not-everywhere-yet"),
    ],
)
def test_a_result_that_the_vendor_still_lists_waits_whatever_its_address_says_and_is_not_bought_again(
    sim, photo, tmp_path, effect
):
    sim.script.on("download", effect, times=None)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with pytest.raises(ResultWaitsError, match="HTTP 40"):
        run(order, desk)
    assert row(desk, order).state is PaymentState.FINISHED
    sim.script.clear()
    assert run(order, desk).requests == 0
    assert sim.counters()["accepted"] == 1


def test_what_may_have_been_taken_waits_for_the_vendors_list_and_lets_nobody_else_be_paid(sim, photo, tmp_path):
    patience = Patience(**{**_fields(NO_PATIENCE), "safe_s": 0.1})
    impatient, order = desk_for(sim.base_url, tmp_path, patience=patience), veo_order(photo)
    _sent_by_a_process_that_died(sim, order, impatient, accepted=True, prediction_id=False)
    sim.script.on("list", script.html(500), times=None)
    with pytest.raises(ResultWaitsError, match="it may have been taken, and the next run asks the vendor again"):
        run(order, impatient)
    assert row(impatient, order).state is PaymentState.SUBMITTING
    sim.script.clear()
    assert run(order, desk_for(sim.base_url, tmp_path)).requests == 0
    assert sim.counters()["accepted"] == 1


def test_what_another_process_works_on_for_too_long_lets_nobody_else_be_paid(sim, photo, tmp_path):
    patience = Patience(**{**_fields(NO_PATIENCE), "queue_s": 0.1})
    desk, order = desk_for(sim.base_url, tmp_path, patience=patience), veo_order(photo, deadline_s=0.1)
    other = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}", process=lambda: Process("another-machine", 7, "7"))
    other.claim(order.request)
    with pytest.raises(ResultWaitsError, match=r"another process .* for too long \(reserved\); run it again"):
        run(order, desk)
    assert sim.counters()["accepted"] == 0


def test_a_finished_prediction_is_only_fetched(sim, photo, tmp_path):
    patience = Patience(**{**_fields(NO_PATIENCE), "backoff_most_s": 4000.0, "backoff_first_s": 4000.0})
    impatient, order = desk_for(sim.base_url, tmp_path, patience=patience), veo_order(photo)
    sim.script.download(script.html(500), times=None)
    with pytest.raises(ResultWaitsError, match="it is paid for, and the next run fetches it"):
        run(order, impatient)
    assert row(impatient, order).state is PaymentState.FINISHED
    sim.script.clear()
    desk = desk_for(sim.base_url, tmp_path)
    delivery = run(order, desk)
    assert (delivery.requests, delivery.cost_usd, delivery.paid_now) == (0, Decimal("0.4"), True)
    assert sim.counters()["accepted"] == 1


def _full(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/result.mp4")


def test_a_clip_for_which_there_is_no_room_is_said_in_one_line_and_fetched_later(sim, photo, tmp_path, monkeypatch):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with monkeypatch.context() as patch:
        patch.setattr(desk.shelf, "check_room", _no_room)
        with pytest.raises(StorageError, match="no room"):
            run(order, desk)
    assert (row(desk, order), sim.log.entries()) == (None, []), "nothing is sent where nothing could be kept"
    with monkeypatch.context() as patch:
        patch.setattr(desk.shelf, "keep", _full)
        with pytest.raises(StorageError, match=r"paid for .*/x/result.mp4: No space left.*not bought again"):
            run(order, desk)
    assert row(desk, order).state is PaymentState.FINISHED
    assert run(order, desk).requests == 0
    assert sim.counters()["accepted"] == 1


def _no_room():
    raise StorageError("no room")


def test_a_delivered_clip_that_left_the_shelf_is_not_bought_again_unasked(sim, photo, tmp_path):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    run(order, desk).path.unlink()
    with pytest.raises(DamagedMediaError, match="luxvid ledger"):
        run(order, desk)
    assert sim.counters()["accepted"] == 1


def test_nothing_is_sent_beyond_the_budget(sim, photo, tmp_path):
    account = Account(listing="villa-aurora", stage="clips", budget_usd=Decimal("0.3"))
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo, account=account)
    with pytest.raises(BudgetExceededError):
        run(order, desk)
    assert sim.log.entries(event="create") == []
    assert sim.log.entries(event="upload") == []


def test_the_first_goes_alone_and_an_empty_account_is_asked_once(sim, photo, tmp_path):
    sim.out_of_credit = True
    desk = desk_for(sim.base_url, tmp_path)

    async def seven():
        orders = [veo_order(photo, prompt=f"scene {number}") for number in range(7)]
        return await asyncio.gather(*(deliver(order, desk) for order in orders), return_exceptions=True)

    outcomes = asyncio.run(seven())
    assert [type(outcome) for outcome in outcomes] == [NoCreditError] * 7
    assert len(sim.log.entries(event="create")) == 1


def test_all_others_follow_when_the_first_is_accepted(sim, photo, tmp_path):
    sim.script.on("create", script.delay(0.2), nth=1)
    sim.script.prediction(MODEL, script.latency(0, 10_000), nth=1)
    desk = desk_for(sim.base_url, tmp_path)

    async def seven():
        orders = [veo_order(photo, prompt=f"scene {number}", deadline_s=100_000) for number in range(7)]
        return await asyncio.gather(*(deliver(order, desk) for order in orders))

    assert len(asyncio.run(seven())) == 7
    created = [prediction.created for prediction in sim.accepted]
    assert max(created[1:]) - created[0] < 0.9, "the others waited for the first clip, not for its acceptance"


def test_a_starved_account_slows_everybody_down(sim, photo, tmp_path):
    sim.script.on_create(1, script.throttle(30))
    patience = Patience(**{**_fields(NO_PATIENCE), "queue_s": 60.0})
    desk = desk_for(sim.base_url, tmp_path, patience=patience)
    run(veo_order(photo), desk)
    ((bucket, wait_s, low_credit),) = desk.limits.throttles
    assert (bucket, low_credit) == ("replicate:create", True)
    assert 30 <= wait_s <= 31


def test_the_key_is_nowhere(sim, photo, tmp_path, caplog):
    sim.script.on("create", script.problem(401, f"Bearer {KEY} is not valid"), times=None)
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    with caplog.at_level("DEBUG"), pytest.raises(BadKeyError) as caught:
        run(order, desk)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text} {desk.api!r}"
    assert KEY.encode() not in kept


PLAIN_KEY = "0123456789abcdef"


@pytest.mark.parametrize(
    ("event", "effect"),
    [
        pytest.param("create", script.problem(401, f"Invalid API token: {PLAIN_KEY}"), id="in-a-refusal"),
        pytest.param("create", script.answer(400, f"upstream: Authorization={PLAIN_KEY}"), id="in-a-gateways-words"),
        pytest.param("prediction", script.fail(f"no access with {PLAIN_KEY}"), id="in-a-failed-prediction"),
    ],
)
def test_a_key_that_looks_like_no_key_is_nowhere_either(sim, photo, tmp_path, event, effect):
    sim.script.on(event, effect)
    desk, order = desk_for(sim.base_url, tmp_path, token=PLAIN_KEY), veo_order(photo)
    with pytest.raises(ProviderError) as caught:
        run(order, desk)
    told = f"{caught.value!r} {caught.value.__cause__!r} {[entry.payment.reason for entry in desk.ledger.rows()]}"
    assert "[key]" in told
    assert PLAIN_KEY not in told


def test_without_a_key_nothing_is_asked(sim, photo, tmp_path):
    desk, order = desk_for(sim.base_url, tmp_path, token=""), veo_order(photo)
    with pytest.raises(BadKeyError, match="REPLICATE_API_TOKEN is not set"):
        run(order, desk)
    assert sim.log.entries() == []


def test_two_threads_with_the_same_request_pay_once(sim, photo, tmp_path):
    desk, order = desk_for(sim.base_url, tmp_path), veo_order(photo)
    found = []
    threads = [threading.Thread(target=lambda: found.append(run(order, desk))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(delivery.requests for delivery in found) == [0, 0, 1]
    assert sim.counters()["accepted"] == 1


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_and_started_again_it_is_paid_for_once(sim, photo, tmp_path, seed):
    lots = random.Random(seed)
    sim.script.prediction(MODEL, script.latency(200, 1500), times=None)
    order = veo_order(photo, deadline_s=100_000)
    for _ in range(5):
        child = in_another_process(lambda: run(order, desk_for(sim.base_url, tmp_path)))
        time.sleep(lots.uniform(0.01, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    desk = desk_for(sim.base_url, tmp_path)
    run(order, desk)
    assert sim.counters()["accepted"] == 1
    assert desk.ledger.spent().cost_usd == Decimal("0.4")


def test_four_processes_with_the_same_request_pay_once(sim, photo, tmp_path):
    sim.script.prediction(MODEL, script.latency(200, 1500), times=None)
    order = veo_order(photo, deadline_s=100_000)
    children = [in_another_process(lambda: run(order, desk_for(sim.base_url, tmp_path))) for _ in range(4)]
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    desk = desk_for(sim.base_url, tmp_path)
    assert row(desk, order).state is PaymentState.DELIVERED
    assert sim.counters()["accepted"] == 1


def test_ctrl_c_cancels_what_is_in_flight(sim, photo, tmp_path):
    sim.script.prediction(MODEL, script.hold())
    order = veo_order(photo, deadline_s=100_000)
    child = in_another_process(lambda: run(order, desk_for(sim.base_url, tmp_path)))
    desk = desk_for(sim.base_url, tmp_path)
    while (found := row(desk, order)) is None or found.state is not PaymentState.SUBMITTED:
        time.sleep(0.01)
    os.kill(child, signal.SIGINT)
    os.waitpid(child, 0)
    assert sim.accepted[0].status in {"canceled", "aborted"}
    assert row(desk, order).state is PaymentState.FAILED
    assert run(order, desk).requests == 1


def test_a_download_that_only_drips_ends_in_time_and_is_fetched_later_for_nothing(sim, photo, tmp_path):
    sim.script.download(script.drip(), times=1)
    desk, order = desk_for(sim.base_url, tmp_path, patience=replace(NO_PATIENCE, download_s=0.5)), veo_order(photo)

    async def within_ten_seconds():
        async with asyncio.timeout(10):
            await deliver(order, desk)

    with pytest.raises(RetryableProviderError, match=r"did not arrive within 0\.5 s"):
        asyncio.run(within_ten_seconds())
    assert row(desk, order).state is PaymentState.FINISHED
    assert run(order, desk_for(sim.base_url, tmp_path)).requests == 0
    assert sim.counters()["accepted"] == 1


def test_a_download_goes_on_where_it_broke_off(sim, photo, tmp_path):
    sim.script.download(script.short_body(2000))
    run(veo_order(photo), desk_for(sim.base_url, tmp_path))
    first, second = sim.log.entries(server="delivery")
    assert "range" not in first["headers"]
    assert second["headers"]["range"] == "bytes=2000-"
    assert "authorization" not in {**first["headers"], **second["headers"]}
