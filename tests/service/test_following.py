"""A job now, and a job then."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from redis import Redis

from service.following import as_of, as_removed, snapshot
from tests.polling import until
from tests.service.conftest import FakeWorker
from worker.jobs.backlog import Backlog
from worker.jobs.errors import JobNotFound
from worker.jobs.job import Status, new_job_id
from worker.jobs.stages import Kind
from worker.jobs.store import JobStore

Submit = Callable[..., dict[str, Any]]


def test_a_snapshot_names_the_last_event_it_includes(
    submit: Submit, redis: Redis, worker: FakeWorker
) -> None:
    job_id = submit()["id"]
    before = snapshot(redis, job_id)
    worker.report(worker.claim(job_id), step=1)
    after = snapshot(redis, job_id)
    ids = [entry[0].decode() for entry in redis.xrange(f"job:{job_id}:events")]
    assert [before.last_event_id, after.last_event_id] == [ids[0], ids[-1]]
    assert (before.job.status, after.job.status) == (Status.QUEUED, Status.RUNNING)


def test_there_is_no_snapshot_of_no_job(redis: Redis) -> None:
    with pytest.raises(JobNotFound):
        snapshot(redis, new_job_id())


def test_an_ended_job_can_be_told_as_it_was(submit: Submit, store: JobStore, worker: FakeWorker) -> None:
    queued = store.get(submit()["id"])
    claim = worker.claim(queued.id)
    worker.report(claim, step=1)
    ended = store.cancel(queued.id)
    attempts = {"attempts": ended.attempts, "worker": ended.worker}
    stage = Kind.TEXT_TO_IMAGE
    assert as_of(ended, Status.CANCELED, stage) == ended
    assert as_of(ended, Status.RUNNING, stage) == claim.job
    assert as_of(ended, Status.QUEUED, stage) == queued.model_copy(update=attempts)


@pytest.mark.usefixtures("family")
def test_a_job_at_a_later_stage_can_be_told_as_it_was_at_each(
    submit: Submit, store: JobStore, worker: FakeWorker
) -> None:
    job_id = submit(beautify=True, upscale=2, width=256, height=256)["id"]
    seen = []
    for _ in range(3):
        claim = worker.claim(job_id)
        seen += [store.get(job_id), worker.advance(claim) if not claim.job.is_at_last_stage else claim.job]
    # What the record no longer tells of an earlier stage.
    forgotten = dict.fromkeys(("attempts", "worker", "queued_at", "stage_started_at"))
    ended = store.cancel(job_id)
    for then in seen:
        told = as_of(ended, then.status, then.stage.kind)
        assert told.model_copy(update=forgotten) == then.model_copy(update=forgotten)


def test_a_job_whose_record_has_gone_was_canceled_unless_it_had_ended(
    submit: Submit, store: JobStore, worker: FakeWorker
) -> None:
    job = store.get(submit()["id"])
    ended = worker.run(job.id)
    assert as_removed(job).status is Status.CANCELED
    assert as_removed(ended) == ended


def test_whoever_waits_for_a_removed_job_waits_no_longer(
    http: httpx.Client, store: JobStore, backlog: Backlog
) -> None:
    answers = []

    def post() -> None:
        wait = {"Prefer": "wait=60"}
        answers.append(http.post("/v1/text-to-image", json={"prompt": "x"}, headers=wait))

    poster = threading.Thread(target=post)
    poster.start()
    until(lambda: backlog.state("images.tiny").num_queued)
    for job in store.newest(""):
        store.remove(job.id)
    poster.join()
    assert answers[0].status_code in (200, 202)
