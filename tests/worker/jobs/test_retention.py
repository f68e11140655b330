"""What is kept until when, and how it goes."""

import pytest
from redis import Redis

from tests.polling import until
from tests.worker.conftest import MakeJob
from worker.jobs.job import JobError
from worker.jobs.retention import Retention
from worker.jobs.store import Claim, JobStore

ERROR = JobError(code="internal", message="broken")


def test_what_is_overdue_is_so_until_it_is_forgotten(
    redis: Redis, retention: Retention, make_job: MakeJob
) -> None:
    store = JobStore(redis, retention_seconds=0.001)
    job = store.cancel(store.create(make_job()).id)
    retention.forget([])
    while not (due := retention.overdue()):
        pass
    assert due == [job.id]
    retention.forget(due)
    assert retention.overdue() == []


def test_what_has_just_ended_is_kept(store: JobStore, retention: Retention, claim: Claim) -> None:
    store.fail(claim, ERROR)
    assert retention.overdue() == []


def test_what_was_expected_and_never_came_is_overdue(
    store: JobStore, retention: Retention, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.retention.EXPECTED_MS", 0)
    lost, created = make_job(), make_job()
    for job in (lost, created):
        retention.expect(job.id)
    store.create(created)
    assert retention.overdue() == [lost.id]


def test_what_is_expected_has_its_time(retention: Retention, make_job: MakeJob) -> None:
    retention.expect(make_job().id)
    assert retention.overdue() == []


def test_a_forgotten_job_is_not_listed(redis: Redis, retention: Retention, make_job: MakeJob) -> None:
    store = JobStore(redis, retention_seconds=0.001)
    job = store.cancel(store.create(make_job(owner="a")).id)
    until(lambda: retention.overdue() == [job.id])
    retention.forget([job.id])
    assert redis.zcard("jobs:owned:a") == 0
