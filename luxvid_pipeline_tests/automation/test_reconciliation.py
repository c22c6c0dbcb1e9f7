"""What a killed process leaves in the ledger is settled without a second payment, by the schedule's own job."""

import asyncio
import errno
import hashlib
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg
import pytest
from PIL import Image
from typer.testing import CliRunner

from luxvid_pipeline.automation.reconciliation import reconcile_ledger_job, settle_left_overs
from luxvid_pipeline.automation.schedules import reconcile_schedule
from luxvid_pipeline.cli import app
from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest, PaymentState
from luxvid_pipeline.domain.pricing import hardware_price
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.providers.replicate.left_overs import order_of
from luxvid_pipeline.providers.replicate.models import VIDEO_MODELS, choose_take, video_input
from luxvid_pipeline.providers.replicate.score import MUSICGEN, RIFFUSION
from luxvid_pipeline.resources.catalogue import build_resources
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.providers.replicate.desk import NO_PATIENCE, veo_order
from luxvid_pipeline_tests.records import open_records
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script

NOW = datetime(2026, 11, 21, 12, 10, tzinfo=UTC)
KEY = "r8_Sekr3tOfTheReconciler"
VEO = "google/veo-3.1-fast"


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


@pytest.fixture
def settings(sim, tmp_path):
    return Settings.from_environment(
        {"LUXVID_HOME": str(tmp_path / "home"), "REPLICATE_API_TOKEN": KEY, "REPLICATE_BASE_URL": sim.base_url}
    )


@pytest.fixture
def services(settings):
    services = PaidServices(settings)
    services.replicate.api.patience = NO_PATIENCE
    return services


@pytest.fixture
def instance(tmp_path):
    with open_records(tmp_path) as instance:
        yield instance


def sent(services, order):
    """Have the vendor make what an order asks for, whatever the ledger says."""

    async def send():
        async with services.replicate.api.session() as api:
            urls = {name: await api.upload(file.path, file.content_type) for name, file in order.files.items()}
            given = {name: urls.get(value, value) for name, value in order.request.input.items()}
            return await api.create(order.request.model, order.request.version, given)

    return asyncio.run(send())


def left_behind(services, order, *, accepted=True, heard=True):
    """Leave a row as a killed process does: written down as leaving, or as sent; returns the prediction."""
    key = order.request.key
    services.ledger.claim(order.request)
    services.ledger.submitting(key)
    made = sent(services, order) if accepted else None
    if made is not None and heard:
        services.ledger.submitted(key, made.id)
    services.ledger.let_go([key])
    return made


def ended(services, made):
    async def until_done():
        async with services.replicate.api.session() as api:
            while not (await api.get(made.id)).final:
                await asyncio.sleep(0.01)

    asyncio.run(until_done())


def tick(instance, services, settings):
    """Let the schedule decide, and run its job if it asks for it; returns the run, or the reason to skip."""
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=NOW, resources={"paid_services": services}
    ) as context:
        asked = reconcile_schedule.evaluate_tick(context)
    if asked.skip_message:
        return asked.skip_message
    assert len(asked.run_requests) == 1
    done = reconcile_ledger_job.execute_in_process(
        instance=instance,
        resources={**build_resources(lambda: settings), "paid_services": services},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    assert done.success
    return done


def state(services, order):
    return services.ledger.payment(order.request.key)


def test_a_clip_that_was_made_while_nobody_waited_is_fetched_and_paid_once(instance, services, settings, sim, photo):
    order = veo_order(photo)
    ended(services, left_behind(services, order))
    tick(instance, services, settings)
    row = state(services, order)
    assert (row.state, row.cost_usd) == (PaymentState.DELIVERED, Decimal("0.4"))
    assert services.shelf.fetch(row.result, row.sha256).stat().st_size > 1000
    assert sim.counters()["accepted"] == 1
    assert len(sim.log.entries(event="create")) == 1
    assert "left over" in tick(instance, services, settings)


def test_a_request_whose_answer_nobody_heard_is_found_in_the_vendors_list(instance, services, settings, sim, photo):
    order = veo_order(photo)
    ended(services, left_behind(services, order, heard=False))
    tick(instance, services, settings)
    assert state(services, order).state is PaymentState.DELIVERED
    assert len(sim.log.entries(event="create")) == 1


def test_a_request_the_vendor_never_heard_holds_no_money_any_more(instance, services, settings, sim, photo):
    order = veo_order(photo)
    left_behind(services, order, accepted=False)
    tick(instance, services, settings)
    assert state(services, order) is None
    assert services.ledger.spent().reserved_usd == 0
    assert sim.log.entries(event="create") == []


def test_a_reservation_that_never_left_is_dropped_without_asking_anybody(instance, services, settings, sim, photo):
    order = veo_order(photo)
    services.ledger.claim(order.request)
    services.ledger.let_go([order.request.key])
    tick(instance, services, settings)
    assert state(services, order) is None
    assert sim.log.entries() == []


def test_a_result_that_is_gone_at_the_vendor_is_booked_as_lost(instance, services, settings, sim, photo):
    order = veo_order(photo)
    ended(services, left_behind(services, order))
    sim.age(3700)
    tick(instance, services, settings)
    row = state(services, order)
    assert (row.state, row.cost_usd) == (PaymentState.FAILED, Decimal("0.4"))
    assert "lost" in row.reason


def test_a_clip_that_still_runs_is_left_for_the_next_time_and_cancelled_when_asked_to(
    instance, services, settings, sim, photo
):
    sim.script.prediction(VEO, script.hold())
    order = veo_order(photo)
    left_behind(services, order)
    tick(instance, services, settings)
    assert state(services, order).state is PaymentState.SUBMITTED
    (told,) = settle_left_overs(services, cancel=True)
    assert (told.became, told.open) == ("failed", False)
    assert sim.accepted[0].status in {"canceled", "aborted"}
    assert services.ledger.spent().reserved_usd == 0


def test_a_row_of_a_living_process_is_left_alone(instance, services, settings, photo):
    services.ledger.claim(veo_order(photo).request)
    assert "left over" in tick(instance, services, settings)


def test_an_answer_that_nobody_heard_is_booked_at_its_upper_end_without_key_or_network(instance, services, settings):
    request = PaidRequest(
        vendor="xai",
        model="grok-4.3",
        input={"question": "which photo?"},
        account=Account(listing="villa-aurora", stage="selector"),
        estimate=Estimate(low_usd=Decimal("0.01"), high_usd=Decimal("0.05")),
    )
    services.ledger.claim(request)
    services.ledger.submitting(request.key)
    services.ledger.let_go([request.key])
    tick(instance, services, settings)
    row = services.ledger.payment(request.key)
    assert (row.state, row.cost_usd) == (PaymentState.FAILED, Decimal("0.05"))
    assert services.ledger.rows()[0].may_retry


def test_an_answer_that_waits_for_room_is_brought_to_the_shelf_once_there_is_some(services, monkeypatch):
    request = PaidRequest(
        vendor="xai",
        model="grok-4.3",
        input={"question": "which pair?"},
        account=Account(listing="villa-aurora", stage="selector"),
        estimate=Estimate(low_usd=Decimal("0.01"), high_usd=Decimal("0.05")),
    )
    services.ledger.claim(request)
    services.ledger.submitting(request.key)
    services.ledger.finished(request.key, Decimal("0.02"), {}, held='{"pairs": []}')
    services.ledger.let_go([request.key])
    for is_full in (True, True, False):
        with monkeypatch.context() as patch:
            if is_full:
                patch.setattr(shutil, "copyfile", _no_space)
            (told,) = settle_left_overs(services)
        assert (told.open, "the disk is full; free some space" in str(told)) == (is_full, is_full)
    row = services.ledger.payment(request.key)
    assert (row.state, row.cost_usd, row.held) == (PaymentState.DELIVERED, Decimal("0.02"), "")
    assert services.shelf.fetch(row.result, row.sha256).read_text() == '{"pairs": []}'


def _no_space(*_args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_without_a_key_it_says_what_it_could_not_ask_and_changes_nothing(services, settings, sim, photo, tmp_path):
    order = veo_order(photo)
    left_behind(services, order)
    without = PaidServices(Settings.from_environment({"LUXVID_HOME": str(settings.home)}))
    (told,) = settle_left_overs(without)
    assert told.open
    assert "REPLICATE_API_TOKEN is not set" in str(told)
    assert state(services, order).state is PaymentState.SUBMITTED


def test_a_vendor_that_refuses_the_key_is_asked_once_and_no_row_changes(services, sim, photo):
    orders = [veo_order(photo, prompt=f"scene {number}") for number in range(6)]
    for order in orders:
        left_behind(services, order)
    sim.script.on("get", script.unauthenticated(), times=None)
    asked_before = len(sim.log.entries(event="get"))
    told = settle_left_overs(services)
    assert all(row.open for row in told)
    assert len(sim.log.entries(event="get")) - asked_before < 6
    assert {state(services, order).state for order in orders} == {PaymentState.SUBMITTED}
    assert KEY not in "".join(map(str, told))


@pytest.mark.parametrize(
    ("named", "why_not"),
    [
        pytest.param("its own", "", id="its-own"),
        pytest.param("with its input forgotten", "", id="its-own-with-its-input-forgotten"),
        pytest.param("of another prompt", "was asked for something else", id="another-input"),
        pytest.param("of another model", "is of google/veo-3.1;", id="another-model"),
        pytest.param("p1", "does not know prediction p1", id="nobodys"),
        pytest.param("of another row", "belongs to", id="another-rows"),
    ],
)
def test_what_a_person_says_was_found_is_compared_with_the_vendors_word(named, why_not, services, settings, sim, photo):
    order = veo_order(photo)
    made = left_behind(services, order, heard=False)
    services.ledger.adopt(order.request.key)
    services.ledger.unknown(order.request.key, "its input can no longer be read")
    named_id = made.id if named in {"its own", "with its input forgotten"} else named
    if named == "with its input forgotten":
        sim.predictions[made.id].removed = True
    elif named == "of another prompt":
        named_id = left_behind(services, veo_order(photo, "a wild pool"), heard=False).id
    elif named == "of another model":
        named_id = sent(services, replace(order, request=replace(order.request, model="google/veo-3.1"))).id
    elif named == "of another row":
        named_id = sent(services, order).id
        other = veo_order(photo, "a wild pool")
        left_behind(services, other, accepted=False)
        services.ledger.adopt(other.request.key)
        services.ledger.submitted(other.request.key, named_id)
    command = ["ledger", "settle", order.request.key[:12], "found", "--prediction", named_id, "--because", "I looked"]
    env = {"LUXVID_HOME": str(settings.home), "REPLICATE_API_TOKEN": KEY, "REPLICATE_BASE_URL": sim.base_url}
    done = CliRunner().invoke(app, command, env=env)
    if why_not:
        assert why_not in str(done.exception or done.output)
        assert state(services, order).state is PaymentState.UNKNOWN
    else:
        assert (done.exit_code, state(services, order).prediction_id) == (0, named_id)


def test_an_answer_of_a_language_model_is_never_found_again(services, settings):
    request = PaidRequest(
        vendor="xai",
        model="grok-4.3",
        input={},
        account=Account(listing="villa"),
        estimate=Estimate(low_usd=Decimal(0), high_usd=Decimal(1)),
    )
    services.ledger.claim(request)
    services.ledger.submitting(request.key)
    services.ledger.let_go([request.key])
    command = ["ledger", "settle", request.key, "found", "--prediction", "p1", "--because", "I looked"]
    done = CliRunner().invoke(app, command, env={"LUXVID_HOME": str(settings.home)})
    assert done.exit_code == 2
    assert services.ledger.payment(request.key).state is PaymentState.SUBMITTING


def test_where_nothing_was_ever_paid_for_no_ledger_is_made(instance, tmp_path, settings):
    services = PaidServices(settings)
    assert "left over" in tick(instance, services, settings)
    assert not (settings.home / "ledger.db").exists()


@pytest.mark.parametrize("model", sorted(VIDEO_MODELS))
def test_a_row_gives_the_same_request_and_price_back(model, tmp_path):
    adapter = VIDEO_MODELS[model]
    take = choose_take(adapter, 4.0, pair=adapter.takes_last_frame)
    first, last = (f"sha256:{hashlib.sha256(name).hexdigest()}" for name in (b"first", b"last"))
    given = video_input(
        adapter, take, prompt="calm", negative_prompt="people", seed=7, first=first, last=last if take.pair else None
    )
    request = PaidRequest(
        vendor="replicate",
        model=model,
        input=given,
        account=Account(listing="villa"),
        estimate=Estimate(low_usd=Decimal(0), high_usd=Decimal(5)),
    )
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    order = order_of(ledger.claim(request))
    assert order.request.key == request.key
    assert 0 < order.cost({}) < 5


def test_a_row_that_raises_what_nobody_thought_of_holds_nobody_up(services, photo):
    odd, good = veo_order(photo, "of an older LuxVid"), veo_order(photo)
    older = replace(odd, request=replace(odd.request, input={"seconds": 4}))
    services.ledger.claim(older.request)
    services.ledger.submitting(older.request.key)
    services.ledger.submitted(older.request.key, "p1")
    services.ledger.let_go([older.request.key])
    ended(services, left_behind(services, good))
    told = {row.key: row for row in settle_left_overs(services)}
    assert told[good.request.key].became == "delivered"
    assert told[older.request.key].open
    assert "it cannot be settled (KeyError: 'duration'); report this" in told[older.request.key].note


@pytest.mark.parametrize(
    ("model", "given"),
    [
        pytest.param(MUSICGEN, {"prompt": "calm", "duration": 4}, id="of-a-chosen-length"),
        pytest.param(RIFFUSION, {"prompt_a": "calm"}, id="of-its-own-length"),
    ],
)
def test_a_left_over_stage_without_a_time_costs_what_was_reserved_for_it(model, given, tmp_path):
    request = PaidRequest(
        vendor="replicate",
        model=model,
        input=given,
        account=Account(listing="villa", stage="score"),
        estimate=hardware_price(model, made_s=given.get("duration")),
    )
    row = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}").claim(request)
    assert order_of(row).cost({}) == row.reserved_usd
