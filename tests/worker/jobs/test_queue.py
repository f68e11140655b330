"""The queue: what is sent lies in Redis as Celery's workers expect it."""

import json
from collections.abc import Iterator

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from redis import Redis

from tests.polling import until
from tests.worker.conftest import MakeJob
from worker.jobs.errors import QueueUnavailable
from worker.jobs.job import Priority
from worker.jobs.message import TASK
from worker.jobs.queue import JobQueue, celery_app, promote_oldest, waiting
from worker.jobs.settings import JobSettings


@pytest.fixture
def app(valkey_url: str, redis: Redis) -> Iterator[Celery]:
    with celery_app(JobSettings(redis_url=valkey_url)) as app:
        yield app


@pytest.fixture
def queue(app: Celery) -> JobQueue:
    return JobQueue(app)


def test_nothing_but_the_id_is_sent(queue: JobQueue, make_job: MakeJob, redis: Redis) -> None:
    job = make_job(priority=Priority.BATCH)
    queue.send(job)
    (text,) = redis.lrange("images.tiny:6", 0, -1)
    message = json.loads(text)
    assert message["headers"]["task"] == TASK
    assert message["content-type"] == "application/json"
    assert job.id in message["headers"]["argsrepr"]
    assert job.input.prompt not in str(message)


def test_priorities_have_lists_of_their_own(queue: JobQueue, make_job: MakeJob, redis: Redis) -> None:
    for priority in Priority:
        queue.send(make_job(priority=priority))
    assert [redis.llen(key) for key in ("images.tiny", "images.tiny:6")] == [1, 1]


def test_waiting(queue: JobQueue, make_job: MakeJob, redis: Redis) -> None:
    jobs = [make_job(), make_job(priority=Priority.BATCH)]
    for job in jobs:
        queue.send(job)
    assert waiting(redis, "images.tiny") == {job.id for job in jobs}


def test_the_promoted_message_is_taken_next(queue: JobQueue, make_job: MakeJob, redis: Redis) -> None:
    oldest, *rest = [make_job(priority=Priority.BATCH), make_job(priority=Priority.BATCH), make_job()]
    for job in (oldest, *rest):
        queue.send(job)
    promote_oldest(redis, "images.tiny")
    taken = redis.brpop(["images.tiny", "images.tiny:6"], timeout=1)
    assert taken is not None
    assert json.loads(taken[1])["headers"]["id"] == oldest.id


def test_a_worker_receives_the_ids(
    app: Celery, queue: JobQueue, make_job: MakeJob, valkey_url: str, redis: Redis
) -> None:
    received: list[str] = []
    jobs = [make_job(priority=priority) for priority in Priority]
    with celery_app(JobSettings(redis_url=valkey_url)) as worker:

        @worker.task(name=TASK, shared=False)
        def run(job_id: str) -> None:
            received.append(job_id)

        with start_worker(
            worker, pool="threads", concurrency=1, queues=["images.tiny"], perform_ping_check=False
        ):
            for job in jobs:
                queue.send(job)
            until(lambda: len(received) == len(jobs))
    assert set(received) == {job.id for job in jobs}
    assert waiting(redis, "images.tiny") == set()


def test_an_empty_queue_promotes_nothing(redis: Redis) -> None:
    promote_oldest(redis, "images.tiny")
    assert waiting(redis, "images.tiny") == set()


def test_a_broker_that_is_away(make_job: MakeJob) -> None:
    with celery_app(JobSettings(redis_url="redis://127.0.0.1:1/0")) as app:
        job = make_job()
        with pytest.raises(QueueUnavailable, match=job.id):
            JobQueue(app).send(job)


def test_jobs_outlive_their_worker(app: Celery) -> None:
    assert app.conf.task_acks_late
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]
