"""Requests that are sent again when that may help, and only then."""

from collections.abc import Callable, Iterator

import pytest
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from service.client import UNREACHED, ClientError, Kandinsky
from service.requests import TextToImageRequest
from tests.service.client.conftest import Answer, Script, refusal

APPLE = TextToImageRequest(prompt="a red apple")
MODELS = Answer(200, {"object": "list", "data": []})


@pytest.fixture
def pauses() -> Iterator[list[float]]:
    """How long the client has waited, in seconds, each time before it sent a request again."""
    pauses: list[float] = []

    def note(details: RetryDetails) -> None:
        pauses.append(details.wait_for)

    set_on_retry_hooks([note])
    yield pauses
    set_on_retry_hooks(None)


@pytest.mark.parametrize(
    ("status", "code"), [(429, "queue_full"), (429, "rate_limited"), (503, "unavailable")]
)
def test_the_pause_is_the_one_that_the_gateway_wants(
    script: Script, pauses: list[float], status: int, code: str
) -> None:
    script.answers += [refusal(status, code, Retry_After="0.07"), MODELS]
    with Kandinsky(script.url) as client:
        assert client.models() == []
    assert pauses == [0.07]


@pytest.mark.parametrize("failure", [refusal(503, "unavailable"), Answer(502), Answer(None)])
def test_a_request_that_is_sent_again_has_the_same_idempotency_key(script: Script, failure: Answer) -> None:
    script.answers += [failure, refusal(422, "invalid_request")]
    with Kandinsky(script.url) as client, pytest.raises(ClientError):
        client.submit(APPLE)
    keys = [request["Idempotency-Key"] for request in script.requests]
    assert len(set(keys)) == 1


def test_a_connection_that_was_cut_is_tried_again(script: Script) -> None:
    script.answers += [Answer(None), MODELS]
    with Kandinsky(script.url) as client:
        assert client.models() == []


def test_the_last_attempt_tells_what_was_wrong(script: Script, pauses: list[float]) -> None:
    script.answers += [refusal(429, "queue_full", Retry_After="0", X_Request_ID="42")] * 3
    with Kandinsky(script.url, max_attempts=3) as client, pytest.raises(ClientError) as caught:
        client.models()
    error = caught.value
    assert (str(error), error.code, error.status) == ("this is queue_full", "queue_full", 429)
    assert (error.param, error.details, error.retry_after, error.request_id) == ("prompt", {"a": 1}, 0, "42")
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        refusal(422, "invalid_request"),
        refusal(401, "unauthorized"),
        refusal(500, "internal"),
        refusal(429, "queue_full", Retry_After="61"),
    ],
)
def test_what_does_not_pass_soon_is_not_tried_again(script: Script, answer: Answer) -> None:
    script.answers.append(answer)
    with Kandinsky(script.url) as client, pytest.raises(ClientError):
        client.models()
    assert len(script.requests) == 1


def test_an_api_key_is_sent_and_never_told(script: Script) -> None:
    script.answers += [refusal(401, "unauthorized"), Answer(500)]
    with Kandinsky(script.url, "kdsk_secret") as client:
        errors = [repr(_refusal(client)) for _ in range(2)]
    assert script.requests[0]["Authorization"] == "Bearer kdsk_secret"
    assert "secret" not in repr(errors) + repr(vars(client))


@pytest.mark.parametrize(
    "key", ["kdsk_secret\n", "kdsk_секрет", "kdsk secret"], ids=["line", "letters", "space"]
)
def test_a_key_that_no_header_can_carry_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(ClientError, match="the API key holds") as caught:
        Kandinsky("http://127.0.0.1:1", key)
    assert key.strip() not in repr(caught.value)


def test_an_empty_key_is_none(script: Script) -> None:
    script.answers.append(MODELS)
    with Kandinsky(script.url, "") as client:
        assert client.models() == []
    assert "Authorization" not in script.requests[0]


@pytest.mark.parametrize("key", ["my\nkey", "ключ"], ids=["line", "letters"])
def test_an_idempotency_key_that_no_header_can_carry_is_refused(
    script: Script, pauses: list[float], key: str
) -> None:
    with Kandinsky(script.url) as client, pytest.raises(ClientError, match="cannot be sent"):
        client.submit(APPLE, key)
    assert pauses == []


def _first_event(client: Kandinsky) -> object:
    return next(client.events("job"))


@pytest.mark.parametrize(
    "answer", [Answer(200, "a page"), Answer(204), Answer(301, headers={"Location": "https://host/"})]
)
@pytest.mark.parametrize("ask", [Kandinsky.models, _first_event], ids=["models", "events"])
def test_what_no_gateway_answers_is_told(
    script: Script, answer: Answer, ask: Callable[[Kandinsky], object]
) -> None:
    script.answers.append(answer)
    with Kandinsky(script.url) as client, pytest.raises(ClientError, match="not as a Kandinsky gateway"):
        ask(client)


def test_a_gateway_that_has_moved_tells_where(script: Script) -> None:
    script.answers.append(Answer(301, headers={"Location": "https://host/"}))
    with Kandinsky(script.url) as client:
        assert "it sends on to https://host/" in str(_refusal(client))


def test_events_are_not_asked_for_again_by_a_gateway_that_wants_long_peace(script: Script) -> None:
    script.answers.append(refusal(503, "unavailable", Retry_After="61"))
    with Kandinsky(script.url) as client, pytest.raises(ClientError, match="this is unavailable"):
        next(client.events("job"))


def test_a_job_may_have_been_removed_by_an_attempt_without_an_answer(script: Script) -> None:
    script.answers += [Answer(None), refusal(404, "not_found")]
    with Kandinsky(script.url) as client:
        client.delete("job")
    assert len(script.requests) == 2


def test_a_gateway_that_is_not_there_is_unreached(script: Script, pauses: list[float]) -> None:
    script.answers += [Answer(None)] * 2
    with Kandinsky(script.url, max_attempts=2) as client:
        error = _refusal(client)
    assert (error.code, error.status, len(pauses)) == (UNREACHED, None, 1)


def _refusal(client: Kandinsky) -> ClientError:
    with pytest.raises(ClientError) as caught:
        client.models()
    return caught.value
