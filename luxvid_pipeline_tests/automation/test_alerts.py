"""People are told of what failed and of budgets, never of a secret, and a webhook that is away harms nothing."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest

from luxvid_pipeline.automation.alerts import alert_of, budget_alert_sensor, failure_alert_sensor
from luxvid_pipeline.domain.errors import BudgetExceededError, LuxVidError
from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest
from luxvid_pipeline.resources.alerts import STRUCK_OUT, Alert, Webhook, without_secrets
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings

KEYS = {
    "REPLICATE_API_TOKEN": "plainlookingvalueofreplicate",
    "XAI_API_KEY": "xai-Sekr3tOfTheEyes",
    "OPENAI_API_KEY": "sk-Sekr3tOfTheWords",
}


class Hook:
    """A webhook on loopback that answers as it is told and keeps what it heard."""

    def __init__(self, path="/hook"):
        self.heard, self.answers, self.wait_s = [], [], 0.0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.heard.append(json.loads(body))
                time.sleep(hook.wait_s)
                status = hook.answers.pop(0) if hook.answers else 200
                self.send_response(status)
                self.send_header("content-length", "0")
                if status == 302:
                    self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def settings_for(home, url="", **env):
    return Settings.from_environment(
        {"LUXVID_HOME": str(home), "LUXVID_ALERT_URL": url, "LUXVID_UI_URL": "https://films.example", **KEYS, **env}
    )


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def failing_run(instance, error, listing="villa-aurora"):
    """Run an asset job that fails; returns what Dagster then hands to the sensor."""

    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="listings"), name="scene_clips")
    def clips():
        raise error

    instance.add_dynamic_partitions("listings", [listing])
    job = dg.Definitions(assets=[clips], jobs=[dg.define_asset_job("shoot_scenes_job", "scene_clips")]).resolve_job_def(
        "shoot_scenes_job"
    )
    done = job.execute_in_process(
        instance=instance,
        partition_key=listing,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    (event,) = (event for event in done.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE)
    return done.dagster_run, event


def tell(instance, settings, run, event):
    with dg.build_run_status_sensor_context(
        sensor_name="failure_alert_sensor",
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=run,
        resources={"settings": settings, "alert_webhook": Webhook(settings, deadline_s=1.0)},
    ).for_run_failure() as context:
        return failure_alert_sensor(context)


def test_a_failed_run_is_told_with_listing_asset_reason_and_link(instance, hook, home):
    reason = "1 of 7 scenes failed (3-vanity: the mirror shows a person)"
    run, event = failing_run(instance, LuxVidError(reason))
    assert tell(instance, settings_for(home, hook.url), run, event) is None
    (heard,) = hook.heard
    assert heard == {
        "kind": "failure",
        "text": f"LuxVid: scene_clips of villa-aurora failed: {reason}",
        "listing": "villa-aurora",
        "asset": "scene_clips",
        "reason": reason,
        "run": run.run_id,
        "link": f"https://films.example/runs/{run.run_id}",
    }


def test_a_run_stopped_by_a_budget_waits_for_a_person(instance, hook, home):
    run, event = failing_run(instance, BudgetExceededError("of $10.00 for listing villa-aurora $9.90 are spent"))
    tell(instance, settings_for(home, hook.url), run, event)
    (heard,) = hook.heard
    assert heard["kind"] == "budget"
    assert "waits for a person: of $10.00" in heard["text"]


def test_a_run_that_a_person_ended_is_no_failure(instance, hook, home):
    run, event = failing_run(instance, LuxVidError("interrupted"))
    instance.report_run_canceled(instance.get_run_by_id(run.run_id), message="Ended by 'luxvid cancel'.")
    assert tell(instance, settings_for(home, hook.url), run, event).skip_message == "A person ended it."
    assert hook.heard == []


def test_a_run_that_failed_outside_of_any_step_has_a_reason_too():
    run = dg.DagsterRun(job_name="shoot_scenes_job", tags={"dagster/asset_partition_range_start": "villa|1-arrival"})
    alert = alert_of(run, [], "The process that ran this is gone", "http://ui")
    assert (alert.listing, alert.asset, alert.reason) == (
        "villa",
        "shoot_scenes_job",
        "The process that ran this is gone",
    )


def test_slacks_own_webhook_gets_exactly_its_format(instance, home):
    hook = Hook("/services/T000/B000/abcDEF")
    run, event = failing_run(instance, LuxVidError("a <b> & c"))
    tell(instance, settings_for(home, hook.url), run, event)
    hook.close()
    (heard,) = hook.heard
    assert set(heard) == {"text", "blocks"}
    assert heard["text"] == "LuxVid: scene_clips of villa-aurora failed: a &lt;b&gt; &amp; c"
    (block,) = heard["blocks"]
    assert (block["type"], block["text"]["type"]) == ("section", "mrkdwn")
    assert f"<https://films.example/runs/{run.run_id}|" in block["text"]["text"]


SECRETS = [
    pytest.param("Authorization: Bearer abcdef0123456789", "abcdef0123456789", id="header"),
    pytest.param("postgresql://luxvid:hunter2@db/luxvid", "hunter2", id="address"),
    pytest.param('{"api_key": "q7w8e9r0"}', "q7w8e9r0", id="json"),
    pytest.param("https://x.example/a.mp4?X-Amz-Signature=0badcafe&x=1", "0badcafe", id="signed-address"),
    pytest.param("key r8_abcDEF123456", "r8_abcDEF123456", id="replicate"),
    pytest.param("key sk-ab***yz", "sk-ab***yz", id="half-masked"),
    pytest.param("AKIAIOSFODNN7EXAMPLE is not valid", "AKIAIOSFODNN7EXAMPLE", id="amazon-id"),
    pytest.param("with wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY !", "wJalrXUtnFEMI", id="amazon-key"),
    pytest.param("to /services/T00/B00/XXXX1234", "XXXX1234", id="slack"),
    pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "eyJzdWIiOiJ4In0", id="web-token"),
    pytest.param(f"and {KEYS['REPLICATE_API_TOKEN']} as well", "plainlookingvalue", id="a-known-value"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_what_looks_like_a_secret_never_leaves(hook, home, text, secret):
    settings = settings_for(home, hook.url)
    for alert in (Alert(kind="failure", text=text, reason=text), Alert(kind="failure", text="x", link=text)):
        assert Webhook(settings).send(alert) == ""
    sent = json.dumps(hook.heard)
    assert secret not in sent
    assert STRUCK_OUT in sent


@pytest.mark.parametrize(
    "text",
    [
        "scene_clips of villa-aurora failed: 1 of 7 scenes failed; run it again",
        "https://films.example/runs/0b5f0c1e-7f1a-4f60-9c62-0d0a8f7f0a11",
        "google/veo-3.1-fast for 1-arrival may cost $0.40, of $10.00 for listing villa $9.90 are spent",
        "paid_results/ab/0badcafe0badcafe0badcafe0badcafe0badcafe.mp4 is gone",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text):
    assert without_secrets(text, ["", "another"]) == text


@pytest.mark.parametrize(
    ("answers", "heard", "problem"),
    [
        pytest.param([500, 200], 2, "", id="busy-once"),
        pytest.param([500, 503, 200], 2, "HTTP 503", id="one-retry-and-no-more"),
        pytest.param([404, 200], 1, "HTTP 404", id="wrong-address"),
        pytest.param([302, 200], 1, "HTTP 302", id="sent-elsewhere"),
    ],
)
def test_a_webhook_is_tried_once_more_where_that_may_help(hook, home, answers, heard, problem):
    hook.answers = answers
    said = Webhook(settings_for(home, hook.url)).send(Alert(kind="failure", text="x"))
    assert said.endswith(problem)
    assert bool(said) == bool(problem)
    assert len(hook.heard) == heard


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/Sekr3tPath", "nonsense", "http://[::bad/Sekr3tPath"])
def test_an_alert_that_cannot_be_delivered_is_a_warning_and_the_tick_succeeds(instance, home, url):
    run, event = failing_run(instance, LuxVidError("x"))
    skipped = tell(instance, settings_for(home, url), run, event)
    assert isinstance(skipped, dg.SkipReason)
    assert "Not delivered" in skipped.skip_message
    assert "Sekr3t" not in skipped.skip_message


def test_a_webhook_that_never_answers_is_left_after_the_deadline(hook, home):
    hook.wait_s = 2.0
    began = time.monotonic()
    said = Webhook(settings_for(home, hook.url), deadline_s=0.3).send(Alert(kind="failure", text="x"))
    assert "did not answer within 0.3 s" in said
    assert time.monotonic() - began < 1.5


def test_name_servers_that_never_answer_hold_up_few_alerts_for_no_longer_than_the_deadline(hook, home, monkeypatch):
    asked, look_up = threading.Event(), socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **options: asked.wait(5) and look_up(*args, **options))
    webhook = Webhook(settings_for(home, hook.url), deadline_s=0.1)
    began = time.monotonic()
    said = [webhook.send(Alert(kind="failure", text="x")) for _ in range(7)]
    took_s = time.monotonic() - began
    hanging = [thread for thread in threading.enumerate() if thread.name == "alert"]
    asked.set()
    for thread in hanging:
        thread.join(5)
    assert took_s < 3
    assert len(hanging) == 4
    assert ["did not answer within 0.1 s" in each for each in said] == [True] * 4 + [False] * 3
    assert "earlier alerts still wait" in said[-1]
    assert not hook.heard  # what is too late is sent again by a later tick
    assert webhook.send(Alert(kind="failure", text="x")) == ""


def test_a_process_ends_though_a_name_server_never_answers(home):
    program = """
import socket, time
from luxvid_pipeline.resources.alerts import Alert, Webhook
from luxvid_pipeline.resources.settings import Settings
socket.getaddrinfo = lambda *_args, **_options: time.sleep(60)
print(Webhook(Settings.from_environment(), deadline_s=0.1).send(Alert(kind="failure", text="x")))
"""
    env = {**os.environ, "LUXVID_HOME": str(home), "LUXVID_ALERT_URL": "http://hook.example/x"}
    said = subprocess.check_output([sys.executable, "-c", program], env=env, timeout=20, text=True)
    assert "did not answer" in said


def test_without_an_address_nothing_is_sent(instance, home):
    run, event = failing_run(instance, LuxVidError("x"))
    assert "LUXVID_ALERT_URL is not set" in tell(instance, settings_for(home), run, event).skip_message


class Money:
    """A ledger with requests of one listing of ten dollars."""

    def __init__(self, home, url, **env):
        self.settings = settings_for(home, url, **env)
        self.services = PaidServices(self.settings)
        self.number = 0
        self.cursor = None

    def spend(self, usd, *, listing="villa-aurora", client="aurora", budget=10, keep=True):
        self.number += 1
        request = PaidRequest(
            vendor="replicate",
            model="google/veo-3.1-fast",
            input={"prompt": str(self.number)},
            account=Account(listing=listing, client=client, budget_usd=Decimal(budget)),
            estimate=Estimate(low_usd=Decimal(usd), high_usd=Decimal(usd)),
        )
        ledger = self.services.ledger
        ledger.claim(request)
        ledger.submitting(request.key)
        ledger.failed(request.key, "not wanted", cost_usd=Decimal(usd) if keep else Decimal(0), may_retry=False)

    def tick(self, instance):
        resources = {
            "settings": self.settings,
            "paid_services": self.services,
            "alert_webhook": Webhook(self.settings, deadline_s=1.0),
        }
        with dg.build_sensor_context(instance=instance, cursor=self.cursor, resources=resources) as context:
            result = budget_alert_sensor.evaluate_tick(context)
        self.cursor = result.cursor or self.cursor
        return result.skip_message


def texts(hook):
    return [re.sub(r"\d{4}-\d\d-\d\d", "TODAY", heard["text"]) for heard in hook.heard]


def test_eighty_per_cent_and_all_of_a_budget_are_told_once_each(instance, hook, home):
    money = Money(home, hook.url)
    money.spend("7.9")
    money.tick(instance)
    assert hook.heard == []
    money.spend("0.1")
    for _ in range(3):
        money.tick(instance)
    assert texts(hook) == [
        "LuxVid: 80% of the budget of listing villa-aurora is taken: $8.00 spent and $0.00 reserved of $10.00; raise "
        "generation.budget_usd in its listing.yaml"
    ]
    money.spend(2)
    for _ in range(3):
        money.tick(instance)
    assert len(hook.heard) == 2
    assert hook.heard[1]["text"].startswith("LuxVid: all of the budget of listing villa-aurora is taken")
    assert hook.heard[1]["listing"] == "villa-aurora"


def test_a_budget_taken_at_one_stroke_is_told_once_and_a_raised_one_counts_anew(instance, hook, home):
    money = Money(home, hook.url)
    money.spend(10)
    money.tick(instance)
    assert len(hook.heard) == 1
    money.spend("6.5", budget=20)
    money.tick(instance)
    assert "80% of the budget of listing villa-aurora" in texts(hook)[1]


def test_the_budgets_of_the_client_and_the_day_are_told_too(instance, hook, home):
    money = Money(home, hook.url, LUXVID_CLIENT_BUDGET_USD="5", LUXVID_DAY_BUDGET_USD="10")
    money.spend("4.5", budget=100)
    money.spend("4.5", budget=100, listing="villa-bella", client="bella")
    money.tick(instance)
    assert sorted(text.partition(" is taken")[0] for text in texts(hook)) == [
        "LuxVid: 80% of the budget of client aurora",
        "LuxVid: 80% of the budget of client bella",
        "LuxVid: 80% of the budget of day TODAY",
    ]


def test_a_days_budget_used_up_just_before_midnight_is_told_after_it(instance, hook, home):
    money = Money(home, hook.url, LUXVID_DAY_BUDGET_USD="10")
    money.cursor = json.dumps({"since": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(), "told": []})
    money.spend(10, budget=100)
    today = datetime.now(UTC).date().isoformat()
    money.services.ledger._clock = lambda: datetime.now(UTC) + timedelta(days=1)
    money.tick(instance)
    assert [heard["text"].partition(" is taken")[0] for heard in hook.heard] == [
        f"LuxVid: all of the budget of day {today}"
    ]


def test_a_budget_alert_that_was_not_delivered_is_sent_by_a_later_tick(instance, hook, home):
    money = Money(home, hook.url)
    money.spend("8.5")
    hook.answers = [404]
    assert "Not delivered" in money.tick(instance)
    money.tick(instance)
    money.tick(instance)
    assert len(hook.heard) == 2


def test_what_was_used_up_before_anybody_listened_is_no_news(instance, hook, home):
    old = Money(home, hook.url)
    old.services.ledger._clock = lambda: datetime(2026, 10, 1, tzinfo=UTC)
    old.spend(10)
    old.tick(instance)
    assert hook.heard == []


def test_a_damaged_cursor_is_no_reason_to_fail(instance, hook, home):
    money = Money(home, hook.url)
    money.spend("8.5")
    money.cursor = "{not json"
    money.tick(instance)
    assert len(hook.heard) == 1


def test_where_nothing_was_ever_paid_for_the_ledger_is_not_made(instance, hook, home):
    assert Money(home, hook.url).tick(instance) == "Nothing was ever paid for."
    assert not (home / "ledger.db").exists()
