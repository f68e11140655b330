"""Requests that are sent again when that may help, and only then."""

from collections.abc import Iterator

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


def test_a_gateway_that_is_not_there_is_unreached(script: Script, pauses: list[float]) -> None:
    script.answers += [Answer(None)] * 2
    with Kandinsky(script.url, max_attempts=2) as client:
        error = _refusal(client)
    assert (error.code, error.status, len(pauses)) == (UNREACHED, None, 1)


def _refusal(client: Kandinsky) -> ClientError:
    with pytest.raises(ClientError) as caught:
        client.models()
    return caught.value
