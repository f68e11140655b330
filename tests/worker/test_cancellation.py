"""Word of canceled jobs."""

import threading
from collections.abc import Iterator
from queue import Queue

import pytest
from redis import Redis

from tests.polling import until
from tests.worker.conftest import MakeJob
from worker import periodic
from worker.cancellation import CancelListener
from worker.jobs.store import CANCELED, JobStore


@pytest.fixture
def heard(redis: Redis) -> Iterator[Queue[str]]:
    """Ids that a running listener has heard."""
    heard: Queue[str] = Queue()
    with CancelListener(redis, heard.put):
        until(lambda: redis.pubsub_numsub(CANCELED)[0][1])
        yield heard


def test_a_canceled_job_is_heard_of(heard: Queue[str], store: JobStore, make_job: MakeJob) -> None:
    job = store.create(make_job())
    store.cancel(job.id)
    assert heard.get(timeout=20) == job.id


def test_it_subscribes_again(
    heard: Queue[str], redis: Redis, store: JobStore, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "PAUSE_SECONDS", 0)
    redis.client_kill_filter(_type="pubsub")
    until(lambda: redis.pubsub_numsub(CANCELED)[0][1])
    job = store.create(make_job())
    store.cancel(job.id)
    assert heard.get(timeout=20) == job.id


def test_a_callback_that_raises_is_survived(
    redis: Redis, store: JobStore, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "PAUSE_SECONDS", 0)
    calls = threading.Semaphore(0)

    def fail(job_id: str) -> None:
        calls.release()
        raise ValueError(job_id)

    with CancelListener(redis, fail):
        until(lambda: redis.pubsub_numsub(CANCELED)[0][1])
        for _ in range(2):
            store.cancel(store.create(make_job()).id)
            assert calls.acquire(timeout=20)
