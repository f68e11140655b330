"""OpenAI's routes where pictures are censored, jobs are canceled, or nothing more can be followed."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.settings import GatewaySettings
from tests.polling import until
from tests.service.conftest import FakeWorker, receipt, serving
from tests.service.fusionbrain.test_routes import output
from worker.jobs.job import JobError
from worker.jobs.store import JobStore

BODY = {"prompt": "a red apple", "n": 2, "response_format": "b64_json"}


@pytest.fixture
def answered(http: httpx.Client, store: JobStore) -> Callable[..., httpx.Response]:
    """Asks for pictures while the test plays the worker, and gives the answer."""

    def answered(play: Callable[[str], object], **fields: object) -> httpx.Response:
        def play_when_there() -> None:
            until(lambda: any(store.newest("")))
            play(next(store.newest("")).id)

        player = threading.Thread(target=play_when_there)
        player.start()
        response = http.post("/v1/images/generations", json={**BODY, **fields})
        player.join()
        return response

    return answered


def test_a_censored_picture_is_left_out(answered: Any, worker: FakeWorker, store: JobStore) -> None:
    def play(job_id: str) -> None:
        claim = worker.claim(job_id)
        outputs = [output(worker, job_id, index, censored=index == 0) for index in range(2)]
        store.succeed(claim, receipt(claim.job.stage), outputs)

    assert len(answered(play).json()["data"]) == 1


def test_a_job_whose_pictures_are_all_censored_is_a_bad_request(
    answered: Any, worker: FakeWorker, store: JobStore
) -> None:
    error = JobError(code="content_filtered", message="every picture was censored")
    refused = answered(lambda job_id: store.fail(worker.claim(job_id), error))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "content_filtered")


def test_a_canceled_job_is_an_error(answered: Any, store: JobStore) -> None:
    refused = answered(store.cancel)
    assert (refused.status_code, refused.headers["X-Should-Retry"]) == (500, "false")
    assert "the job is canceled" in refused.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_job_that_is_removed_is_an_error(answered: Any, store: JobStore, stream: bool) -> None:
    assert "the job is canceled" in answered(store.remove, stream=stream).text


def test_the_answer_names_its_job(answered: Any, worker: FakeWorker, store: JobStore) -> None:
    answer = answered(worker.run)
    assert answer.headers["Location"].endswith(next(store.newest("")).id)


def test_a_replayed_request_gets_the_pictures_of_the_first(
    http: httpx.Client, answered: Any, worker: FakeWorker
) -> None:
    http.headers["Idempotency-Key"] = "once"
    first = answered(worker.run)
    again = http.post("/v1/images/generations", json=BODY)
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", first.json())


@pytest.mark.parametrize("stream", [False, True])
def test_a_gateway_that_stops_says_that_the_job_goes_on(
    valkey_url: str, session_images: str, catalog: object, store: JobStore, stream: bool
) -> None:
    answers: list[str] = []
    with serving(GatewaySettings(redis_url=valkey_url, images_url=session_images)) as url:

        def ask() -> None:
            body = {**BODY, "stream": stream}
            response = httpx.post(f"{url}/v1/images/generations", json=body, timeout=20, trust_env=False)
            answers.append(response.json()["error"]["message"] if not stream else response.text)

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: any(store.newest("")))
    asking.join()
    assert "the gateway stops" in answers[0]
