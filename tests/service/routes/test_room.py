"""Requests for which there is no room: 429, and when to come back."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from redis import Redis

from service.settings import GatewaySettings
from tests.service.conftest import PAINTERS, WORKER, WRITER, FakeWorker, serving
from worker.jobs.catalog import Catalog

PATH = "/v1/text-to-image"
APPLE = {"prompt": "a red apple"}
Submit = Callable[..., dict[str, Any]]


def measure(redis: Redis, seconds: float, queue: str = "images.tiny") -> None:
    """Let a queue have been served at this pace."""
    redis.hset(f"jobs:rates:{queue}", mapping={"interval_ms": 1000 * seconds, "interval_count": 1})


@pytest.fixture
def impatient(valkey_url: str, session_images: str, catalog: Catalog) -> Iterator[httpx.Client]:
    """A client of a gateway at which nobody waits for more than ten seconds."""
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_wait_seconds=10)
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
def busy(submit: Submit, worker: FakeWorker, redis: Redis) -> None:
    """The one worker has a job, one waits, and each takes four seconds."""
    worker.claim(submit()["id"])
    submit()
    measure(redis, 4)


@pytest.mark.usefixtures("busy")
def test_a_deadline_that_cannot_be_met_is_429(http: httpx.Client) -> None:
    response = http.post(PATH, json={**APPLE, "deadline_seconds": 7})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (429, "queue_full")
    assert error["details"] == {"estimated_wait_seconds": 8.0}
    assert "is 8.0 s, and should be at most 7 s" in error["message"]
    assert response.headers["Retry-After"] == "1"


@pytest.mark.usefixtures("busy")
def test_a_deadline_that_can_be_met_is_taken(http: httpx.Client) -> None:
    response = http.post(PATH, json={**APPLE, "deadline_seconds": 9})
    assert (response.status_code, response.json()["estimated_wait_seconds"]) == (202, 8)


def test_a_deadline_before_the_next_place_is_free_is_429(
    http: httpx.Client, submit: Submit, worker: FakeWorker, redis: Redis
) -> None:
    worker.claim(submit()["id"])
    measure(redis, 4)
    assert http.post(PATH, json={**APPLE, "deadline_seconds": 3.9}).status_code == 429
    assert http.post(PATH, json={**APPLE, "deadline_seconds": 4}).status_code == 202


@pytest.mark.usefixtures("busy")
def test_longer_than_the_operator_allows_is_429(impatient: httpx.Client, redis: Redis) -> None:
    measure(redis, 40)
    response = impatient.post(PATH, json={**APPLE, "deadline_seconds": 1000})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "queue_full")
    assert response.headers["Retry-After"] == "70"


@pytest.mark.usefixtures("busy")
def test_jobs_of_lower_priority_do_not_count(impatient: httpx.Client, submit: Submit) -> None:
    for _ in range(5):
        submit(priority="batch")
    assert impatient.post(PATH, json=APPLE).status_code == 202
    assert impatient.post(PATH, json={**APPLE, "priority": "batch"}).status_code == 429


@pytest.fixture
def staffed(catalog: Catalog, submit: Submit, worker: FakeWorker) -> None:
    """One more worker, which makes prompts richer as well; both have a job."""
    queues = (*WORKER.queues, "prompts.writer")
    writer = PAINTERS.model_copy(update={"models": (WRITER.id,), "queues": queues})
    catalog.publish(writer, [WRITER], ttl_seconds=60)
    for _ in range(2):
        worker.claim(submit()["id"])


@pytest.mark.usefixtures("staffed")
def test_a_wait_in_a_later_stage_counts(impatient: httpx.Client, redis: Redis) -> None:
    measure(redis, 11)
    response = impatient.post(PATH, json={**APPLE, "beautify": True})
    assert response.status_code == 429
    assert "queue 'images.tiny' is 11.0 s" in response.json()["error"]["message"]


@pytest.mark.usefixtures("staffed")
def test_in_a_later_stage_jobs_of_lower_priority_do_not_count(
    impatient: httpx.Client, redis: Redis, submit: Submit
) -> None:
    for _ in range(5):
        submit(priority="batch")
    measure(redis, 4)
    body = {**APPLE, "beautify": True}
    assert impatient.post(PATH, json=body).status_code == 202
    assert impatient.post(PATH, json={**body, "priority": "batch"}).status_code == 429


def test_what_nobody_knows_is_no_reason_to_refuse(http: httpx.Client, submit: Submit) -> None:
    submit()
    assert http.post(PATH, json={**APPLE, "deadline_seconds": 0.001}).status_code == 202


def test_a_full_queue_tells_when_a_place_is_free(
    valkey_url: str, session_images: str, submit: Submit, redis: Redis
) -> None:
    submit()
    measure(redis, 2.5)
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_queue_length=1)
    with serving(settings) as url:
        response = httpx.post(url + PATH, json=APPLE, trust_env=False)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")
