"""Job records: whose they are, what is sent twice, and what is listed and removed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from tests.polling import until
from tests.worker.conftest import MakeJob
from worker.jobs.backlog import Backlog
from worker.jobs.errors import AlreadySubmitted, IdempotencyKeyReused, JobNotFound, LeaseLost, OwnerBusy
from worker.jobs.job import JobError, Progress, Receipt, Status, Webhook, WebhookEvent
from worker.jobs.queue import waiting
from worker.jobs.record import events_key, record_key
from worker.jobs.retention import Retention
from worker.jobs.store import Claim, JobStore
from worker.jobs.submitted import Submitted

ERROR = JobError(code="content_filtered", message="not allowed")
SUBMITTED = Submitted("key", "fingerprint")


def test_a_key_stands_for_its_first_job(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    first = store.create(make_job(owner="a"), SUBMITTED)
    with pytest.raises(AlreadySubmitted) as replay:
        store.create(make_job(owner="a"), SUBMITTED)
    assert replay.value.job_id == first.id
    assert backlog.state(first.queue).num_queued == 1


def test_a_key_refuses_another_request(store: JobStore, make_job: MakeJob) -> None:
    first = store.create(make_job(), SUBMITTED)
    with pytest.raises(IdempotencyKeyReused, match=first.id):
        store.create(make_job(), Submitted("key", "another"))


def test_a_key_is_one_of_its_owner(store: JobStore, make_job: MakeJob) -> None:
    first = store.create(make_job(owner="a"), SUBMITTED)
    assert store.create(make_job(owner="b"), SUBMITTED).id != first.id


def test_a_key_is_known_before_anything_is_done(store: JobStore, make_job: MakeJob) -> None:
    store.check_submitted("a", SUBMITTED)
    job = store.create(make_job(owner="a"), SUBMITTED)
    with pytest.raises(AlreadySubmitted, match=job.id):
        store.check_submitted("a", SUBMITTED)
    with pytest.raises(IdempotencyKeyReused, match=job.id):
        store.check_submitted("a", Submitted("key", "another"))


def test_a_key_is_kept_for_a_time(store: JobStore, make_job: MakeJob, redis: Redis) -> None:
    store.create(make_job(owner="a"), Submitted("key", "fingerprint", keep_seconds=60))
    [key] = redis.keys("idempotency:a:*")
    assert 59_000 < redis.pttl(key) <= 60_000


def test_a_refused_job_takes_no_key(redis: Redis, make_job: MakeJob) -> None:
    store = JobStore(redis, max_queue_length=1)
    store.create(make_job())
    with pytest.raises(Exception, match="limit of 1 jobs"):
        store.create(make_job(), SUBMITTED)
    store.check_submitted("", SUBMITTED)


def test_creating_once_more_after_a_cut_changes_nothing(
    store: JobStore, backlog: Backlog, make_job: MakeJob
) -> None:
    job = make_job()
    created = store.enqueue(job, SUBMITTED, send=True)
    assert store.enqueue(job, SUBMITTED, send=True) == created
    assert backlog.state(job.queue).num_queued == 1


def test_a_job_that_is_sent_is_recorded_and_its_worker_woken(
    store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    job = store.enqueue(make_job(), send=True).job
    assert waiting(redis, job.queue) == {job.id}


def test_a_job_that_cannot_be_sent_is_not_recorded(
    valkey_url: str, store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    redis.acl_setuser("dumb", enabled=True, passwords="+x", commands=["+@all", "-lpush"], keys="*")
    job = make_job()
    with (
        Redis.from_url(valkey_url.replace("//:test@", "//dumb:x@")) as dumb,
        pytest.raises(ResponseError),
    ):
        JobStore(dumb).enqueue(job, send=True)
    with pytest.raises(JobNotFound):
        store.get(job.id)


def test_an_owner_has_so_many_jobs_at_a_time(store: JobStore, make_job: MakeJob) -> None:
    first = store.create(make_job(owner="a"), max_active=1)
    with pytest.raises(OwnerBusy, match="limit of 1 jobs"):
        store.create(make_job(owner="a"), max_active=1)
    assert store.create(make_job(owner="b"), max_active=1).owner == "b"
    store.cancel(first.id)
    assert store.create(make_job(owner="a"), max_active=1).status is Status.QUEUED


def test_active_jobs_are_those_that_have_not_ended(
    store: JobStore, redis: Redis, make_job: MakeJob, receipt: Receipt
) -> None:
    running = store.claim(store.create(make_job(owner="a")).id, "worker-1", 60)
    assert running is not None
    store.create(make_job(owner="a"))
    assert redis.scard("jobs:active:a") == 2
    store.succeed(running, receipt)
    assert redis.scard("jobs:active:a") == 1


def test_the_newest_come_first(store: JobStore, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.jobs.store.PAGE", 2)
    ids = sorted(store.create(make_job(owner="a")).id for _ in range(5))
    store.create(make_job(owner="b"))
    assert [job.id for job in store.newest("a")] == ids[::-1]
    assert [job.id for job in store.newest("a", before=ids[2])] == ids[1::-1]


def test_a_removed_job_has_gone_everywhere(
    store: JobStore, backlog: Backlog, make_job: MakeJob, redis: Redis
) -> None:
    job = store.create(make_job(owner="a"), SUBMITTED)
    store.remove(job.id)
    with pytest.raises(JobNotFound):
        store.get(job.id)
    assert list(store.newest("a")) == []
    assert (backlog.state(job.queue).num_queued, redis.scard("jobs:active:a")) == (0, 0)
    assert redis.exists(record_key(job.id), events_key(job.id)) == 0


def test_the_worker_of_a_removed_job_is_fenced(store: JobStore, claim: Claim, receipt: Receipt) -> None:
    store.remove(claim.job.id)
    writes: list[Callable[[], Any]] = [
        lambda: store.renew(claim, 60),
        lambda: store.report_progress(claim, Progress(step=1, steps=4, fraction=0.25)),
        lambda: store.succeed(claim, receipt),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()


def test_what_a_removed_job_leaves_behind_is_swept(
    store: JobStore, retention: Retention, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.store.REMOVED_MS", 0)
    store.remove(claim.job.id)
    until(lambda: retention.overdue() == [claim.job.id])
    retention.forget([claim.job.id])
    assert retention.overdue() == []


def test_what_ended_by_itself_is_not_looked_for_again(
    store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    gone, kept = (store.create(make_job(owner="a")) for _ in range(2))
    redis.delete(record_key(gone.id))
    assert [job.id for job in store.newest("a")] == [kept.id]
    assert redis.zrange("jobs:owned:a", 0, -1) == [kept.id.encode()]


def test_removing_what_is_not_there(store: JobStore, make_job: MakeJob) -> None:
    with pytest.raises(JobNotFound):
        store.remove(make_job().id)


def test_a_rejected_job_has_failed(store: JobStore, redis: Redis, make_job: MakeJob) -> None:
    job = store.reject(store.create(make_job(owner="a")).id, ERROR)
    assert (job.status, job.error) == (Status.FAILED, ERROR)
    assert redis.scard("jobs:active:a") == 0


def test_what_a_webhook_listens_to_is_due_at_once(store: JobStore, make_job: MakeJob, redis: Redis) -> None:
    events = (WebhookEvent.RUNNING, WebhookEvent.CANCELED)
    webhook = Webhook(url="https://a.example", events=events, job_url="https://b.example")
    job = store.create(make_job(webhook=webhook))
    assert redis.zcard("webhooks:due") == 0
    store.claim(job.id, "worker-1", 60)
    store.cancel(job.id)
    assert set(redis.zrange("webhooks:due", 0, -1)) == {
        f"{job.id} running".encode(),
        f"{job.id} canceled".encode(),
    }
    assert store.get(job.id).webhook == webhook


def test_nobody_is_told_what_was_not_asked_for(store: JobStore, make_job: MakeJob, redis: Redis) -> None:
    webhook = Webhook(url="https://a.example", events=(WebhookEvent.FAILED,), job_url="https://b.example")
    store.cancel(store.create(make_job(webhook=webhook)).id)
    store.cancel(store.create(make_job()).id)
    assert redis.zcard("webhooks:due") == 0


def test_the_record_says_whose_it_is(store: JobStore, make_job: MakeJob, redis: Redis) -> None:
    job = store.create(make_job(owner="a"))
    assert redis.hget(record_key(job.id), "owner") == b"a"
    assert json.loads(redis.hget(record_key(job.id), "request") or "")["owner"] == "a"
