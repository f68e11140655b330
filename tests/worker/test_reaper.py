"""The reaper: what a dead worker or a lost message leaves behind is put right."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.polling import until
from tests.worker.conftest import MakeJob
from tests.worker.stages import encoding, text_to_image
from worker import periodic
from worker.jobs.backlog import Backlog
from worker.jobs.errors import ImageNotFound, QueueUnavailable
from worker.jobs.image_keys import input_key, picture_key, uploaded_key
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Priority, Receipt, Status, new_job_id
from worker.jobs.queue import JobQueue, celery_app, waiting
from worker.jobs.retention import Retention
from worker.jobs.settings import JobSettings
from worker.jobs.stages import OutputFormat
from worker.jobs.store import Claim, JobStore
from worker.jobs.uploads import new_upload_id
from worker.reaper import LOCK, Reaper, ReapRules

#: Everything is late at once.
RULES = ReapRules(interval_seconds=3600, max_attempts=2, grace_seconds=0, patience_seconds=3600)
MakeReaper = Callable[..., Reaper]


@pytest.fixture
def images(images_url: str) -> ImageStore:
    return ImageStore(images_url)


@pytest.fixture
def queue(valkey_url: str, redis: Redis) -> Iterator[JobQueue]:
    with celery_app(JobSettings(redis_url=valkey_url)) as app:
        yield JobQueue(app)


@pytest.fixture
def make_reaper(store: JobStore, queue: JobQueue, images: ImageStore, redis: Redis) -> MakeReaper:
    def make(**rules: float) -> Reaper:
        return Reaper(store, queue, images, redis, replace(RULES, **rules))  # type: ignore[arg-type]

    return make


def lapse(store: JobStore, job: Job) -> None:
    """Claim a job for a worker that dies at once."""
    assert store.claim(job.id, "dead", lease_seconds=-1) is not None


def test_a_dead_workers_job_is_sent_again(
    make_reaper: MakeReaper, store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    job = store.create(make_job())
    lapse(store, job)
    make_reaper().reap()
    assert store.get(job.id).status is Status.QUEUED
    assert waiting(redis, "images.tiny") == {job.id}


def test_a_worker_that_died_between_two_stages_loses_no_job(
    make_reaper: MakeReaper, store: JobStore, make_job: MakeJob, redis: Redis, receipt: Receipt
) -> None:
    job = store.create(make_job(stages=(encoding(), text_to_image())))
    claim = store.claim(job.id, "dying", lease_seconds=60)
    assert claim is not None
    store.advance(claim, receipt)
    make_reaper().reap()
    assert waiting(redis, "images.tiny") == {job.id}


def test_a_job_fails_in_its_last_attempt(
    make_reaper: MakeReaper, store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    job = store.create(make_job())
    for _ in range(RULES.max_attempts):
        lapse(store, job)
        make_reaper(grace_seconds=3600).reap()
    failed = store.get(job.id)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.message == "the worker stopped answering in each of 2 attempts"
    assert redis.llen("images.tiny") == 1


def test_a_lost_message_is_sent_once(
    make_reaper: MakeReaper, store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    jobs = [store.create(make_job(priority=priority)) for priority in Priority]
    for _ in range(2):
        make_reaper().reap()
    assert waiting(redis, "images.tiny") == {job.id for job in jobs}
    assert [redis.llen(key) for key in ("images.tiny", "images.tiny:6")] == [1, 1]


def test_other_messages_do_not_hide_a_lost_one(
    make_reaper: MakeReaper, store: JobStore, queue: JobQueue, make_job: MakeJob, redis: Redis
) -> None:
    lost, canceled = store.create(make_job()), store.create(make_job())
    queue.send(canceled)
    store.cancel(canceled.id)
    make_reaper().reap()
    assert waiting(redis, "images.tiny") == {lost.id, canceled.id}


def test_a_young_job_is_given_time(
    make_reaper: MakeReaper, store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    store.create(make_job())
    make_reaper(grace_seconds=3600).reap()
    assert waiting(redis, "images.tiny") == set()


def test_a_running_job_is_left_alone(make_reaper: MakeReaper, store: JobStore, claim: Claim) -> None:
    make_reaper().reap()
    assert store.get(claim.job.id) == claim.job


def test_an_overdue_job_expires(make_reaper: MakeReaper, store: JobStore, make_job: MakeJob) -> None:
    job = store.create(make_job(deadline_at=datetime.now(UTC) - timedelta(seconds=1)))
    make_reaper().reap()
    assert store.get(job.id).status is Status.EXPIRED


def test_a_batch_job_that_has_waited_goes_first(
    make_reaper: MakeReaper, store: JobStore, queue: JobQueue, make_job: MakeJob, redis: Redis
) -> None:
    for priority in (Priority.BATCH, Priority.BATCH, Priority.INTERACTIVE):
        queue.send(store.create(make_job(priority=priority)))
    make_reaper(patience_seconds=0).reap()
    assert [redis.llen(key) for key in ("images.tiny", "images.tiny:6")] == [2, 1]


def test_pictures_of_a_job_that_was_never_created_go(
    make_reaper: MakeReaper, retention: Retention, images: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.retention.EXPECTED_MS", 0)
    job_id = new_job_id()
    retention.expect(job_id)
    images.put(input_key(job_id, "image"), b"picture", "image/png")
    make_reaper().reap()
    assert retention.overdue() == []
    with pytest.raises(ImageNotFound):
        images.get(input_key(job_id, "image"))


def test_pictures_go_with_their_job(
    make_reaper: MakeReaper, redis: Redis, retention: Retention, make_job: MakeJob, images: ImageStore
) -> None:
    store = JobStore(redis, retention_seconds=0.001)
    job = store.cancel(store.create(make_job()).id)
    key = picture_key(job.id, 0, OutputFormat.PNG)
    images.put(key, b"picture", "image/png")
    until(retention.overdue)
    make_reaper().reap()
    assert retention.overdue() == []
    with pytest.raises(ImageNotFound):
        images.get(key)


def test_uploads_go_when_their_time_is_over(
    make_reaper: MakeReaper,
    redis: Redis,
    retention: Retention,
    images: ImageStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.jobs.retention.EXPECTED_MS", 0)
    upload_id = new_upload_id()
    key = uploaded_key(upload_id, OutputFormat.PNG)
    retention.expect(upload_id)
    images.put(key, b"picture", "image/png")
    make_reaper().reap()
    assert redis.zcard("jobs:ended") == 0
    with pytest.raises(ImageNotFound):
        images.get(key)


def test_one_worker_reaps_at_a_time(
    make_reaper: MakeReaper, store: JobStore, backlog: Backlog, make_job: MakeJob, redis: Redis
) -> None:
    lapse(store, store.create(make_job()))
    redis.set(LOCK, "another worker's", ex=3600)
    make_reaper().take_turn()
    assert backlog.num_running() == 1
    redis.delete(LOCK)
    make_reaper().take_turn()
    assert backlog.num_running() == 0


@pytest.mark.parametrize(("rest_seconds", "num_running"), [(3600, 1), (0, 0)])
def test_leases_get_time_after_an_outage(
    make_reaper: MakeReaper,
    store: JobStore,
    backlog: Backlog,
    make_job: MakeJob,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    rest_seconds: float,
    num_running: int,
) -> None:
    monkeypatch.setattr("worker.reaper.REST_SECONDS", rest_seconds)
    reaper = make_reaper()
    lapse(store, store.create(make_job()))
    with monkeypatch.context() as patch:
        patch.setattr(store, "recover", lambda max_attempts: _raise(RedisConnectionError("away")))
        with pytest.raises(RedisConnectionError):
            reaper.take_turn()
    redis.delete(LOCK)
    reaper.take_turn()
    assert backlog.num_running() == num_running


def test_a_job_that_cannot_be_sent_is_sent_later(
    make_reaper: MakeReaper,
    store: JobStore,
    queue: JobQueue,
    make_job: MakeJob,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = store.create(make_job())
    lapse(store, job)
    with monkeypatch.context() as patch:
        patch.setattr(queue, "send", lambda job: _raise(QueueUnavailable("away")))
        with pytest.raises(QueueUnavailable):
            make_reaper().reap()
    make_reaper().reap()
    assert waiting(redis, "images.tiny") == {job.id}


def test_it_runs_by_itself(
    make_reaper: MakeReaper, store: JobStore, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "PAUSE_SECONDS", 0)
    job = store.create(make_job())
    with make_reaper(interval_seconds=0.01):
        for _ in range(RULES.max_attempts):
            until(lambda: store.get(job.id).status is Status.QUEUED)
            lapse(store, job)
        until(lambda: store.get(job.id).status is Status.FAILED)


def _raise(error: Exception) -> None:
    raise error
