"""GET /v1/queue."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.service.conftest import WORKER, FakeWorker
from worker.jobs.catalog import Catalog
from worker.jobs.job import Priority
from worker.jobs.keys import KeyStore

Submit = Callable[..., dict[str, Any]]


def measure(redis: Redis, queue: str, seconds: float) -> None:
    """Let a queue have been served at this pace."""
    redis.hset(f"jobs:rates:{queue}", mapping={"interval_ms": 1000 * seconds, "interval_count": 1})


def test_an_idle_queue_takes_a_job_at_once(http: httpx.Client) -> None:
    [row] = http.get("/v1/queue").json()["data"]
    assert row == {
        "kind": "text-to-image",
        "model": "tiny",
        "queue": "images.tiny",
        "depth": 0,
        "running": 0,
        "capacity": 1,
        "rate_per_minute": None,
        "estimated_wait_seconds": 0.0,
    }


def test_depth_and_wait_grow(http: httpx.Client, submit: Submit, worker: FakeWorker, redis: Redis) -> None:
    measure(redis, "images.tiny", 2.5)
    worker.claim(submit()["id"])
    last = [submit() for _ in range(3)][-1]
    [row] = http.get("/v1/queue").json()["data"]
    assert (row["depth"], row["running"], row["rate_per_minute"]) == (3, 1, 24)
    assert (row["estimated_wait_seconds"], last["estimated_wait_seconds"]) == (10, 7.5)


def test_the_wait_is_that_of_the_priority_that_one_may_ask_for(
    client_of: Callable[..., httpx.Client], keys: KeyStore, submit: Submit, redis: Redis
) -> None:
    measure(redis, "images.tiny", 2)
    for priority in ("interactive", "batch", "batch"):
        submit(priority=priority)
    tokens = [keys.create(priority, priority=priority)[1] for priority in Priority]
    rows = [client_of(token).get("/v1/queue").json()["data"][0] for token in tokens]
    assert [row["estimated_wait_seconds"] for row in rows] == [2, 6]


def test_without_a_worker_nobody_knows(http: httpx.Client, submit: Submit, catalog: Catalog) -> None:
    catalog.withdraw(WORKER.id)
    assert submit()["estimated_wait_seconds"] is None
    [row] = http.get("/v1/queue").json()["data"]
    assert (row["depth"], row["capacity"], row["estimated_wait_seconds"]) == (1, 0, None)


@pytest.mark.usefixtures("family")
def test_every_kind_of_every_model_is_told(http: httpx.Client) -> None:
    rows = {(row["model"], row["kind"]): row["queue"] for row in http.get("/v1/queue").json()["data"]}
    assert rows["artist", "image-to-image"] == rows["artist", "text-to-image"] == "images.artist"
    assert rows["x2", "super-resolution"] == "superres.x2"
    assert rows["writer", "beautification"] == "prompts.writer"
