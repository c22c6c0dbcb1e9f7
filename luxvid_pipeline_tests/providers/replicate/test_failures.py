"""What the vendor says becomes one error with a remedy; how long to wait is understood however it is said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    ContentRefusedError,
    InvalidRequestError,
    NoCreditError,
    RetryableProviderError,
    UnknownPaymentError,
)
from luxvid_pipeline.providers.replicate.failures import (
    RULES,
    Kind,
    as_reason,
    error_from_reason,
    error_of,
    http_failure,
    prediction_failure,
    without_secrets,
)
from luxvid_pipeline_tests.providers.replicate.desk import KEY

_THROTTLED = {"detail": "Request was throttled. Your rate limit resets in ~30s.", "status": 429, "retry_after": 30}


@pytest.mark.parametrize(
    ("status", "body", "error", "unheard"),
    [
        pytest.param(
            401, {"title": "Unauthenticated", "detail": "You did not pass a token"}, BadKeyError, True, id="401"
        ),
        pytest.param(402, {"title": "Insufficient credit"}, NoCreditError, True, id="402"),
        pytest.param(403, {"detail": "not permitted"}, BadKeyError, True, id="403"),
        pytest.param(404, {"detail": "not found", "status": 404}, InvalidRequestError, True, id="404"),
        pytest.param(404, b"<h1>Not Found</h1>", RetryableProviderError, True, id="404-of-somebody-else"),
        pytest.param(413, b"too large", InvalidRequestError, True, id="413"),
        pytest.param(422, {"title": "Invalid version or not permitted"}, InvalidRequestError, True, id="422-version"),
        pytest.param(422, {"title": "Input validation failed"}, InvalidRequestError, True, id="422-input"),
        pytest.param(400, {"detail": "bad input"}, InvalidRequestError, True, id="400"),
        pytest.param(400, {"detail": "invalid API key"}, BadKeyError, True, id="400-key"),
        pytest.param(429, _THROTTLED, RetryableProviderError, True, id="429"),
        pytest.param(429, {"detail": "You have insufficient credit"}, NoCreditError, True, id="429-credit"),
        pytest.param(408, b"", RetryableProviderError, False, id="408"),
        pytest.param(500, b"", RetryableProviderError, False, id="500"),
        pytest.param(502, b"<html><h1>502 Bad Gateway</h1></html>", RetryableProviderError, False, id="502-html"),
        pytest.param(503, {"detail": "down"}, RetryableProviderError, False, id="503"),
        pytest.param(504, b"\xff\xfe", RetryableProviderError, False, id="504-no-text"),
        pytest.param(418, b"[]", InvalidRequestError, True, id="418"),
    ],
)
def test_a_status_becomes_one_error(status, body, error, unheard):
    failure = http_failure(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert type(failure.as_error("veo for 1-arrival of villa")) is error
    assert failure.surely_unheard is unheard
    assert f"HTTP {status}" in str(failure.as_error("veo"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "The input or output was flagged as sensitive. Please try again with different inputs. (E005) (abc)",
            "refused",
        ),
        ("Service is currently unavailable due to high demand. Please try again later. (E003)", "unavailable"),
        ("The model is temporarily unavailable (E004)", "unavailable"),
        ("Input validation error: prompt is too long", "invalid"),
        ("cannot identify image file <_io.BytesIO object>", "fetched"),
        ("duration + continuation duration must be <= 30 seconds", "invalid"),
        ("Failed to download input image: 404 Client Error", "fetched"),
        ("CUDA out of memory", "unavailable"),
        ("Model killed, E1001", "unavailable"),
        ("something nobody has seen", "model failed"),
        ("", "model failed"),
        (None, "model failed"),
    ],
)
def test_the_words_of_a_failed_prediction_are_understood(text, kind):
    assert kind in prediction_failure(text).kind


def test_each_kind_survives_the_ledger():
    for kind in Kind:
        back = error_from_reason(as_reason(kind, "the vendor's words"), "veo for 1-arrival")
        assert type(back) is type(error_of(kind, "", "veo"))
        assert "the vendor's words" in str(back)
    assert isinstance(error_from_reason("settled by Ada as lost", "veo"), RetryableProviderError)


def test_only_what_passes_by_itself_is_tried_again():
    assert {kind for kind in Kind if RULES[kind].again} == {
        Kind.UNREADABLE_INPUT,
        Kind.THROTTLED,
        Kind.UNAVAILABLE,
        Kind.UNREACHABLE,
    }
    assert RULES[Kind.UNKNOWN].error is UnknownPaymentError
    assert RULES[Kind.CONTENT_REFUSED].error is ContentRefusedError


@pytest.mark.parametrize(
    ("headers", "body", "wait_s"),
    [
        pytest.param({"Retry-After": "12"}, _THROTTLED, 12, id="the-header-first"),
        pytest.param({"retry-after": "0.5"}, {}, 0.5, id="parts-of-a-second"),
        pytest.param(
            {"Retry-After": "Sat, 21 Nov 2026 09:00:20 GMT", "Date": "Sat, 21 Nov 2026 09:00:00 GMT"},
            {},
            20,
            id="a-date",
        ),
        pytest.param({"Retry-After": "soon"}, _THROTTLED, 30, id="nonsense-in-the-header"),
        pytest.param({}, _THROTTLED, 30, id="the-field"),
        pytest.param({}, {"detail": "Your rate limit resets in ~7s."}, 7, id="the-words"),
        pytest.param({}, {"detail": "Expected available in 1 second."}, 1, id="the-older-words"),
        pytest.param({}, {"detail": "slow down"}, None, id="nothing"),
    ],
)
def test_how_long_to_wait_is_understood(headers, body, wait_s):
    assert http_failure(429, headers, json.dumps(body).encode()).retry_after_s == wait_s


@pytest.mark.parametrize(
    ("body", "low"),
    [
        pytest.param(_THROTTLED, True, id="thirty-seconds-are-a-starved-accounts"),
        pytest.param(
            {"detail": "limit reduced to 6 requests per minute with a burst of 1", "retry_after": 1}, True, id="said"
        ),
        pytest.param({"detail": "Request was throttled.", "retry_after": 1}, False, id="a-second"),
        pytest.param({"detail": "Request was throttled."}, False, id="nothing-said"),
    ],
)
def test_a_low_account_is_recognised(body, low):
    assert http_failure(429, {}, json.dumps(body).encode()).low_credit is low


@pytest.mark.parametrize(
    "text", [f"Bearer {KEY} is wrong", f"Token {KEY}", f"key {KEY}.", "see https://x.org/f?signature=abc%3D&owner=me"]
)
def test_secrets_are_taken_out(text):
    shown = without_secrets(text)
    assert KEY not in shown
    assert "abc%3D" not in shown
    assert "[removed]" in shown


@given(st.binary(max_size=200), st.integers(400, 599))
def test_any_answer_becomes_some_error(body, status):
    failure = http_failure(status, {}, body)
    assert str(failure.as_error("veo"))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["title", "detail", "invalid_fields", "retry_after", "field"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_becomes_some_error(body):
    assert str(http_failure(422, {}, json.dumps(body).encode()).as_error("veo"))
