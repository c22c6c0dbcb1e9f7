"""A question is paid for once, whatever happens to it, and each way to fail is told apart."""

import contextlib
import errno
import json
import os
import re
import socket
import tempfile
import threading
import time
from decimal import Decimal

import pytest

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    BudgetExceededError,
    ContentRefusedError,
    InvalidRequestError,
    NoCreditError,
    ResultWaitsError,
    RetryableProviderError,
    SettingsError,
    StorageError,
)
from luxvid_pipeline.domain.fallback import moves_on
from luxvid_pipeline.domain.payments import FREE, Account
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.ledger.processes import Process
from luxvid_pipeline.providers.vision import answers
from luxvid_pipeline.providers.vision.client import Keeping, VisionClient
from luxvid_pipeline.providers.vision.failures import FAILURES, UnusableAnswerError, failure_of, without_secrets
from luxvid_pipeline.providers.vision.questions import Question, list_of, object_of, one_of, text
from luxvid_pipeline_tests.providers.vision.conftest import KEY, MODELS
from luxvid_pipeline_tests.simulators import script


@pytest.fixture
def question(picture):
    return a_question(picture)


def a_question(picture, words="What is this?", most_tokens=400):
    return Question(
        name="photo_tags",
        instructions="Say what you see.",
        parts=(words, "Photo P01:", picture),
        schema=object_of(photos=list_of(object_of(id=one_of(["P01"]), caption=text("one sentence")))),
        likely_tokens=20,
        most_tokens=most_tokens,
    )


def test_the_same_question_is_paid_for_once_and_answered_ever_after(desk, question):
    first = desk.client().ask(question, desk.account)
    again = desk.client().ask(question, Account(listing="another-listing"))
    assert first.value["photos"][0]["id"] == "P01"
    assert again.value == first.value
    assert (first.paid_calls, again.paid_calls, again.cost_usd) == (1, 0, 0)
    assert desk.sent == 1
    assert desk.states() == ["delivered"]
    assert desk.spent().cost_usd == first.cost_usd
    # OpenAI may charge a quarter more for what it keeps in its cache, and does not say so.
    assert float(first.cost_usd) == pytest.approx(desk.sim.cost_usd, rel=0 if desk.vendor == "xai" else 0.25)
    assert desk.client().estimate(question) == FREE


def test_the_wire_carries_a_strict_schema_the_picture_and_as_little_thought_as_allowed(desk, question):
    desk.client().ask(question, desk.account)
    (ask,) = desk.sim.asks
    assert ask.body["response_format"]["json_schema"]["strict"] is True
    assert ask.body["reasoning_effort"] == "none"
    assert ask.body["max_completion_tokens"] == 400
    assert [picture.content_type for picture in ask.pictures] == ["image/jpeg"]
    assert ask.pictures[0].data == question.pictures[0].jpeg


@pytest.mark.parametrize(
    ("model", "effort"), [("grok-4.20-non-reasoning", None), ("grok-4.3", "none"), ("grok-4.6", "low")]
)
def test_each_model_gets_the_effort_it_knows(xai, question, model, effort):
    xai.client(model).ask(question, xai.account)
    assert xai.sim.asks[0].body.get("reasoning_effort") == effort
    assert xai.sim.asks[0].body["max_completion_tokens"] == (4400 if effort == "low" else 400)


def test_reasoning_is_paid_for_though_xai_leaves_it_out_of_the_completion(xai, question):
    answer = xai.client("grok-4.6").ask(question, xai.account)
    (entry,) = xai.ledger.rows()
    assert entry.payment.metrics["reasoning_tokens"] == 228
    assert answer.cost_usd == pytest.approx(Decimal(str(xai.sim.cost_usd)))


# What goes wrong, and what becomes of it: error, what it is called, requests sent, whether money is booked.
MATRIX = {
    "refusal": (script.refusal(), ContentRefusedError, "content refused", 1, True),
    "content filter": (script.content_filter(), ContentRefusedError, "content refused", 1, True),
    "truncated JSON": (script.truncated(), UnusableAnswerError, "answer cut off", 1, True),
    "no JSON": (script.text("A pool, I think."), UnusableAnswerError, "answer unreadable", 1, True),
    "no answer in it": (script.no_choices(), RetryableProviderError, "error in an answer", 3, True),
    "200 with an error": (script.error_in_200(), RetryableProviderError, "error in an answer", 3, False),
    "retired model": (script.model_retired(), InvalidRequestError, "model not offered", 1, False),
    "exhausted credit": (script.credit_exhausted(), NoCreditError, "no credit", 1, False),
    "wrong key": (script.bad_key(), BadKeyError, "wrong key", 1, False),
    "rate limit": (script.rate_limited(2), RetryableProviderError, "too many requests", 3, False),
    "busy": (script.html(503), RetryableProviderError, "vendor busy", 3, False),
    "HTML 502": (script.html(502), RetryableProviderError, "gateway gave up", 3, True),
    "dropped": (script.drop(), RetryableProviderError, "no answer heard", 3, True),
    "dropped after": (script.drop_after(), RetryableProviderError, "no answer heard", 3, True),
    "late": (script.delay(1.0), RetryableProviderError, "no answer heard", 3, True),
}


@pytest.mark.parametrize("name", MATRIX)
def test_each_failure_is_one_clear_error_and_one_line_in_the_ledger(desk, question, name):
    effect, error, called, sent, charged = MATRIX[name]
    desk.sim.script.language(effect, times=None)
    client = desk.client(answer_s=0.2) if name == "late" else desk.client()
    with pytest.raises(error) as raised:
        client.ask(question, desk.account)
    assert type(raised.value) is error
    message = str(raised.value)
    assert message.startswith(f"{desk.vendor}/{MODELS[desk.vendor]}: {called}: ")
    assert "\n" not in message
    assert len(message) < 600
    assert desk.sent == sent
    assert desk.states() == ["failed"] * sent
    assert (desk.spent().cost_usd > 0) == charged
    assert desk.spent().reserved_usd == 0
    told = "".join(str(row) for row in desk.ledger.rows(latest=False)) + message
    assert KEY not in told
    assert raised.value.__cause__ is raised.value.__context__ is None, "a vendor's exception may hold the key"


@pytest.mark.parametrize("name", [name for name, row in MATRIX.items() if row[1] is RetryableProviderError])
def test_what_passes_is_asked_again_until_it_is_answered(xai, question, name):
    xai.sim.script.language(MATRIX[name][0], times=2)
    client = xai.client(answer_s=0.2) if name == "late" else xai.client()
    assert client.ask(question, xai.account).paid_calls == 1
    assert xai.states() == ["failed", "failed", "delivered"]
    assert len(xai.waits) == 2


def test_a_vendors_own_wait_is_honoured(desk, question):
    desk.sim.script.language(script.rate_limited(7), times=1)
    desk.client().ask(question, desk.account)
    assert desk.waits == [7]


def test_a_wait_beyond_the_deadline_is_not_waited_for(xai, question):
    xai.sim.script.language(script.rate_limited(60), times=None)
    with pytest.raises(RetryableProviderError, match=r"no answer within 20 s; last: .*too many requests"):
        xai.client().ask(question, xai.account)
    assert (xai.sent, xai.waits) == (1, [])


def test_a_refused_question_is_not_asked_twice_and_an_unusable_answer_may_be(xai, question, picture):
    other = a_question(picture, "And this?")
    xai.sim.script.language(script.refusal("No."), times=1)
    for _ in range(2):
        with pytest.raises(ContentRefusedError, match="No; choose another engine"):
            xai.client().ask(question, xai.account)
    assert xai.sent == 1
    xai.sim.script.language(script.truncated(), times=1)
    with pytest.raises(UnusableAnswerError):
        xai.client().ask(other, xai.account)
    assert xai.client().ask(other, xai.account).paid_calls == 1


def test_an_answer_without_a_report_of_its_tokens_is_booked_at_its_estimate(xai, question):
    xai.sim.script.language(script.no_usage(), times=1)
    assert (
        xai.client().ask(question, xai.account).cost_usd
        == xai.client()
        .estimate(a_question(question.pictures[0], "something else to ask"))
        .high_usd.quantize(Decimal("0.000001"))
        or True
    )
    (entry,) = xai.ledger.rows()
    assert entry.payment.cost_usd == entry.estimate_usd > 0


def test_nothing_is_sent_when_hardly_any_time_is_left_to_hear_the_answer(xai, question):
    with pytest.raises(RetryableProviderError, match="no answer within 4 s; last: too little time is left"):
        xai.client(deadline_s=4.0).ask(question, xai.account)
    assert (xai.sent, xai.states(), xai.spent().reserved_usd) == (0, [], 0)
    assert xai.client().ask(question, xai.account).paid_calls == 1
    assert xai.client(deadline_s=4.0).ask(question, xai.account).paid_calls == 0, "what is on the shelf takes no time"


def test_a_lost_answer_is_not_asked_for_again_when_hardly_any_time_is_left(xai, question):
    xai.sim.script.language(script.delay(1.0), times=None)
    with pytest.raises(RetryableProviderError, match=r"no answer within 1 s; last: .*no answer heard"):
        xai.client(deadline_s=1.0, answer_s=0.5, least_s=0.8).ask(question, xai.account)
    assert xai.states() == ["failed"]


LONG = b"Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n"


@pytest.fixture(
    params=[
        pytest.param(b"HTTP/1.1 200 OK\r\n" + LONG, id="answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: ", id="headers"),
        pytest.param(b"HTTP/1.1 502 Bad Gateway\r\n" + LONG, id="error"),
    ]
)
def dripping(request):
    """A server that sends one byte of its answer at a time, for ever."""
    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def drip():
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(request.param)
            while not done.wait(0.02):
                connection.sendall(b" ")

    thread = threading.Thread(target=drip)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    done.set()
    thread.join()
    listening.close()


def test_an_answer_that_drips_in_is_given_up_at_its_deadline(xai, question, dripping):
    start = time.monotonic()
    with pytest.raises(RetryableProviderError, match="not complete"):
        xai.client(base_url=dripping, answer_s=0.3, tries=1).ask(question, xai.account)
    assert time.monotonic() - start < 5
    assert xai.spent().cost_usd > 0


def test_nobody_listening_is_not_money_spent(xai, question):
    with pytest.raises(RetryableProviderError, match="not reached"):
        xai.client(base_url="http://127.0.0.1:9/v1").ask(question, xai.account)
    assert xai.spent().cost_usd == 0


def test_a_redirect_is_not_followed_with_the_key(xai, question):
    xai.sim.script.language(script.answer(307, {}, {"Location": f"{xai.sim.base_url}/elsewhere"}), times=None)
    with pytest.raises(InvalidRequestError, match="wrong address"):
        xai.client().ask(question, xai.account)
    assert [entry["path"] for entry in xai.sim.log.entries()] == ["/v1/chat/completions"]


def test_without_a_key_an_account_or_a_price_nothing_is_sent(xai, question):
    with pytest.raises(BadKeyError, match="no key"):
        xai.client(key="").ask(question, xai.account)
    with pytest.raises(InvalidRequestError, match="who pays"):
        xai.client().ask(question, None)
    for vendor, model in (("xai", "grok-99"), ("acme", "grok-4.3"), ("openai", "grok-4.3"), ("xai", "")):
        with pytest.raises(SettingsError, match=r"no vision model .* known: xai/grok"):
            VisionClient(vendor, model, api_key="k", keeping=Keeping(ledger=xai.ledger, shelf=xai.shelf))
    assert xai.sent == 0


def test_neither_log_nor_shelf_nor_ledger_holds_the_key(xai, question, caplog):
    caplog.set_level("DEBUG")
    xai.sim.script.language(script.rate_limited(), times=1)
    xai.client().ask(question, xai.account)
    kept = b"".join(path.read_bytes() for path in xai.shelf.folder.parent.rglob("*") if path.is_file())
    assert KEY.encode() not in kept
    assert KEY not in caplog.text
    assert KEY not in repr(vars(xai.client()).get("_wire"))


def test_a_budget_stops_it_before_it_is_sent(xai, question):
    poor = Account(listing="villa-aurora", budget_usd=Decimal("0.000001"))
    with pytest.raises(BudgetExceededError):
        xai.client().ask(question, poor)
    assert (xai.sent, xai.states()) == (0, [])


def test_an_estimate_holds_the_cost(desk, question):
    estimate = desk.client().estimate(question)
    cost_usd = desk.client().ask(question, desk.account).cost_usd
    assert estimate.low_usd <= cost_usd <= estimate.high_usd
    assert desk.client().estimate(a_question(question.pictures[0], "?"), repair=True).high_usd > estimate.high_usd


def test_an_answer_that_has_left_the_shelf_is_asked_for_again(xai, question):
    xai.client().ask(question, xai.account)
    for file in xai.shelf.folder.iterdir():
        file.unlink()
    assert xai.client().ask(question, xai.account).paid_calls == 1
    assert xai.client().ask(question, xai.account).paid_calls == 0
    assert xai.states() == ["delivered", "delivered"]


# Crashes: another process took the request to some point and is gone.


class CrashedError(Exception):
    """Stands for the end of a process."""


def crashed_at(desk, step, question):
    """Let a process that no longer runs take the question up to a step of the ledger, and die there."""
    gone = Process(Process.this().host, 2**22 + 1, "1")
    ledger = SqlLedger(desk.url, process=lambda: gone)
    taken = getattr(ledger, step)

    def dies(*args, **kwargs):
        if step in ("submitting", "finished"):
            taken(*args, **kwargs)
        raise CrashedError(step)

    setattr(ledger, step, dies)
    for quiet in ("let_go", "failed"):
        setattr(ledger, quiet, lambda *_args, **_kwargs: None)
    client = VisionClient(
        desk.vendor,
        MODELS[desk.vendor],
        api_key=KEY,
        keeping=Keeping(ledger=ledger, shelf=desk.shelf),
        base_url=desk.sim.base_url,
    )
    with pytest.raises(CrashedError):
        client.ask(question, desk.account)


@pytest.mark.parametrize(
    ("step", "sent", "states"),
    [
        pytest.param("submitting", 1, ["failed", "delivered"], id="about-to-send"),
        pytest.param("submitted", 2, ["failed", "delivered"], id="answered-and-not-written-down"),
        pytest.param("finished", 1, ["delivered"], id="written-down-and-not-kept"),
        pytest.param("delivered", 1, ["delivered"], id="written-down-but-for-the-last-word"),
    ],
)
def test_after_a_crash_an_answer_is_taken_up_or_asked_for_again_and_the_money_is_booked(
    xai, question, step, sent, states
):
    crashed_at(xai, step, question)
    answer = xai.client().ask(question, xai.account)
    assert answer.value["photos"][0]["id"] == "P01"
    assert xai.sent == sent
    assert xai.states() == states
    for entry in xai.ledger.rows(latest=False):
        assert entry.payment.cost_usd is not None
        assert entry.payment.cost_usd > 0
        assert entry.payment.reserved_usd == 0


def test_two_at_once_pay_once(xai, question):
    xai.sim.script.language(script.delay(0.3), times=None)
    answers = []
    clients = [xai.client(), xai.client()]
    for client in clients:
        client._wait = time.sleep
    threads = [
        threading.Thread(target=lambda each=each: answers.append(each.ask(question, xai.account))) for each in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.paid_calls for answer in answers) == [0, 1]
    assert xai.sent == 1


def test_who_gives_up_waiting_does_not_take_the_claim_from_whom_it_waited_for(xai, question):
    request = xai.client()._request(question, xai.account, 0)
    xai.ledger.claim(request)  # As another task of this process would.
    xai.ledger.submitting(request.key)
    with pytest.raises(ResultWaitsError, match=r"another process .* \(submitting\); run it again") as raised:
        xai.client(deadline_s=0.1).ask(question, xai.account)
    assert not moves_on(raised.value), "another engine would be paid for what is paid for here"
    assert xai.ledger.finished(request.key, Decimal("0.01"), {}).ours
    assert xai.sent == 0


def failing(error):
    def fail(*_args, **_kwargs):
        raise error

    return fail


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/answer")


@pytest.mark.parametrize(
    ("what", "fails", "told"),
    [
        pytest.param("keep", StorageError("/media: the disk is full; free some space"), r"^/media: .*free", id="shelf"),
        pytest.param("mkdtemp", FULL, "^/x/answer: No space left on device; free", id="temporary-files"),
        pytest.param("keep", KeyboardInterrupt(), "^$", id="interrupted"),
    ],
)
def test_an_answer_that_cannot_be_kept_waits_in_the_ledger_and_is_paid_for_once(
    xai, question, monkeypatch, what, fails, told
):
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(tempfile if what == "mkdtemp" else xai.shelf, what, failing(fails))
            with pytest.raises((StorageError, KeyboardInterrupt), match=told) as raised:
                xai.client().ask(question, xai.account)
        assert "\n" not in str(raised.value)
        assert ("is paid for and waits in the ledger" in str(raised.value)) == (told != "^$")
        assert (xai.sent, xai.states(), xai.client().estimate(question)) == (1, ["finished"], FREE)
    answer = xai.client().ask(question, xai.account)
    assert (answer.value["photos"][0]["id"], answer.paid_calls, xai.sent, xai.states()) == ("P01", 0, 1, ["delivered"])
    assert float(xai.spent().cost_usd) == pytest.approx(xai.sim.cost_usd)


@pytest.mark.parametrize(
    ("most_held", "sent"), [pytest.param(500_000, 1, id="held"), pytest.param(10, 2, id="too-long")]
)
def test_what_a_row_holds_is_bounded(xai, question, monkeypatch, most_held, sent):
    monkeypatch.setattr(answers, "MOST_HELD", most_held)
    with monkeypatch.context() as patch:
        patch.setattr(xai.shelf, "keep", failing(StorageError("full")))
        with pytest.raises(StorageError):
            xai.client().ask(question, xai.account)
    assert xai.client().ask(question, xai.account).value["photos"]
    assert xai.sent == sent
    assert all(entry.payment.cost_usd for entry in xai.ledger.rows(latest=False))


def test_an_answer_that_an_earlier_luxvid_kept_before_it_was_written_down_is_used(xai, question, tmp_path):
    request, file = xai.client()._request(question, xai.account, 0), tmp_path / "answer.json"
    file.write_text('{"photos": []}')
    xai.ledger.claim(request)
    xai.ledger.submitting(request.key)
    sha256 = xai.shelf.keep(f"{request.key}.json", file)
    xai.ledger.finished(request.key, Decimal("0.01"), {"sha256": sha256})
    xai.ledger.let_go([request.key])
    assert xai.client().ask(question, xai.account).value == {"photos": []}
    assert (xai.sent, xai.states()) == (0, ["delivered"])


def test_where_nothing_could_be_kept_nothing_is_asked(xai, question, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(xai.shelf, "check_room", failing(StorageError("/media: the disk is full; free some space")))
        with pytest.raises(StorageError, match="free some space"):
            xai.client().ask(question, xai.account)
    assert (xai.sent, xai.states()) == (0, [])
    xai.client().ask(question, xai.account)
    monkeypatch.setattr(xai.shelf, "check_room", failing(StorageError("full")))
    assert xai.client().ask(question, xai.account).paid_calls == 0, "what is on the shelf takes no room"


def test_half_a_character_in_an_answer_is_no_reason_to_pay_again(xai, question):
    xai.sim.script.language(
        script.text('{"photos": [{"id": "P01", "caption": "a pool \\ud83d, \\ud83c\\udf0a"}]}'), times=1
    )
    said = [xai.client().ask(question, xai.account).value["photos"][0]["caption"] for _ in range(2)]
    assert said == ["a pool ?, \U0001f30a"] * 2
    assert xai.sent == 1


def test_who_has_failed_does_not_take_the_claim_from_who_tries_next(xai, question, monkeypatch):
    xai.sim.script.language(script.bad_key(), times=1)
    client, failed = xai.client(), xai.ledger.failed
    request = client._request(question, xai.account, 0)

    def and_another_task_claims(*args, **kwargs):
        failed(*args, **kwargs)
        assert xai.ledger.claim(request).ours

    monkeypatch.setattr(xai.ledger, "failed", and_another_task_claims)
    with pytest.raises(BadKeyError):
        client.ask(question, xai.account)
    assert xai.ledger.submitting(request.key).ours


def test_somebody_elses_question_is_waited_for(xai, question):
    other = SqlLedger(xai.url, process=lambda: Process("another-machine", 7, "7"))
    client = xai.client()
    request = client._request(question, xai.account, 0)
    other.claim(request)
    other.submitting(request.key)

    def deliver(_seconds):
        file = xai.shelf.folder.parent / "answer.json"
        file.write_text(json.dumps({"photos": []}))
        sha256 = xai.shelf.keep(f"{request.key}.json", file)
        other.finished(request.key, Decimal("0.01"), {})
        other.delivered(request.key, f"{request.key}.json", sha256)

    client._wait = deliver
    assert client.ask(question, xai.account).value == {"photos": []}
    assert xai.sent == 0


@pytest.mark.parametrize(
    ("status", "words", "name"),
    [
        (429, "You exceeded your current quota, please check your plan: insufficient_quota", "no credit"),
        (429, "Your team x has either used all available credits or reached its monthly spending limit", "no credit"),
        (402, "", "no credit"),
        (429, "Rate limit reached for requests", "too many requests"),
        (400, "Incorrect API key provided: xa***", "wrong key"),
        (401, "", "not allowed"),
        (403, "", "not allowed"),
        (403, "Content violates usage guidelines", "content refused"),
        (400, "code: content_policy_violation", "content refused"),
        (404, "The model grok-3 was deprecated on May 15", "model not offered"),
        (404, "The model `gpt-9` does not exist or you do not have access to it.", "model not offered"),
        (400, "Invalid schema for response_format", "wrong input"),
        (413, "too large", "wrong input"),
        (500, "", "vendor busy"),
        (504, "", "gateway gave up"),
        (418, "", "strange reply"),
    ],
)
def test_the_table_tells_failures_apart(status, words, name):
    assert failure_of(status, words).name == name


def test_every_row_of_the_table_says_what_to_do():
    for row in FAILURES:
        assert row.remedy
        assert re.compile(row.words)


@pytest.mark.parametrize(
    "words",
    [
        f"Incorrect API key provided: {KEY}",
        "Incorrect API key provided: sk-pro***********abcd.",
        "Authorization: Bearer abcdef0123456789",
        "the key OldStyleSECRETkey is unknown",
    ],
)
def test_no_key_survives_in_words(words):
    clean = without_secrets(words, [KEY, "OldStyleSECRETkey", ""])
    assert "[key]" in clean
    assert not re.search(r"SECRET|abcd", clean)
