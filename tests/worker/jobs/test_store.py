"""Job records: what each named change does, and what it leaves alone."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from redis import Redis

from tests.worker.conftest import MakeJob
from tests.worker.stages import text_to_image
from worker.jobs.backlog import Backlog, QueueState
from worker.jobs.errors import IllegalTransition, JobNotFound, LeaseLost, QueueFull
from worker.jobs.job import Job, JobError, Output, Priority, Progress, Receipt, Status, new_job_id
from worker.jobs.stages import Beautification, Kind
from worker.jobs.store import CANCELED, Claim, JobStore

ERROR = JobError(code="internal", message="the device is on fire")


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def end_lease(store: JobStore, claim: Claim) -> None:
    store.renew(claim, lease_seconds=-1)


def assert_fenced(store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt) -> None:
    writes: list[Callable[[], object]] = [
        lambda: store.renew(claim, 60),
        lambda: store.report_progress(claim, Progress(step=1, steps=4, fraction=0.25)),
        lambda: store.report_preview(claim, 1, b"picture", "image/jpeg"),
        lambda: store.succeed(claim, receipt, outputs),
        lambda: store.fail(claim, ERROR),
        lambda: store.hand_back(claim),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()


def test_create(store: JobStore, make_job: MakeJob) -> None:
    job = make_job(metadata={"order": [1, "два"]}, owner="key_1", request_id="r", deadline_at=soon(60))
    created = store.create(job)
    assert created == job.model_copy(
        update={"created_at": created.created_at, "queued_at": created.created_at}
    )
    assert store.get(job.id) == created


def test_times_are_those_of_redis(store: JobStore, make_job: MakeJob, redis: Redis) -> None:
    created = store.create(make_job(created_at="2020-01-01T00:00:00Z"))
    assert abs(created.created_at.timestamp() - redis.time()[0]) < 60


def test_an_id_is_taken_once(store: JobStore, claim: Claim) -> None:
    with pytest.raises(IllegalTransition, match="is running and cannot become queued"):
        store.create(claim.job.model_copy(update={"metadata": {"other": True}}))


@pytest.mark.parametrize("job_id", ["job_" + "0" * 26, "", "job_1", "../x", "job_" + "0" * 26 + ":events"])
def test_no_such_job(store: JobStore, job_id: str) -> None:
    with pytest.raises(JobNotFound):
        store.get(job_id)


def test_queue_full(redis: Redis, make_job: MakeJob) -> None:
    store = JobStore(redis, max_queue_length=2)
    first, _ = store.create(make_job()), store.create(make_job())
    with pytest.raises(QueueFull, match="limit of 2 jobs"):
        store.create(make_job())
    store.claim(first.id, "worker-1", 60)
    assert store.create(make_job()).status is Status.QUEUED


def test_claim(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    job = store.create(make_job())
    claim = store.claim(job.id, "worker-1", 60)
    assert claim is not None
    assert (claim.job.status, claim.job.attempts, claim.job.worker) == (Status.RUNNING, 1, "worker-1")
    assert claim.job.started_at is not None
    assert claim.job == store.get(job.id)
    assert (backlog.state("images.tiny").num_queued, backlog.num_running()) == (0, 1)


def test_a_message_that_comes_twice_is_harmless(store: JobStore, claim: Claim) -> None:
    assert store.claim(claim.job.id, "worker-2", 60) is None
    assert store.get(claim.job.id) == claim.job


def test_a_message_without_a_job_is_harmless(store: JobStore, backlog: Backlog) -> None:
    assert store.claim(new_job_id(), "worker-1", 60) is None
    assert backlog.num_running() == 0


def test_one_of_many_claims_wins(store: JobStore, make_job: MakeJob) -> None:
    job = store.create(make_job())
    claims: list[Claim | None] = []
    threads = [
        threading.Thread(target=lambda: claims.append(store.claim(job.id, "worker", 60))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([claim for claim in claims if claim is not None]) == 1


def test_a_passed_deadline_expires_at_claim(store: JobStore, make_job: MakeJob) -> None:
    job = store.create(make_job(deadline_at=soon(-1)))
    assert store.claim(job.id, "worker-1", 60) is None
    expired = store.get(job.id)
    assert (expired.status, expired.attempts) == (Status.EXPIRED, 0)
    assert expired.expires_at is not None


def test_a_deadline_is_one_to_start(store: JobStore, make_job: MakeJob, redis: Redis) -> None:
    claim = store.claim(store.create(make_job(deadline_at=soon(60))).id, "worker-1", 60)
    assert claim is not None
    store.hand_back(claim)
    assert redis.zcard("jobs:deadlines") == 0


def test_a_deadline_is_kept_by_the_clock_of_redis(
    store: JobStore, make_job: MakeJob, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr("worker.jobs.store.datetime", SimpleNamespace(now=lambda _: an_hour_ago))
    job = store.create(make_job(deadline_at=an_hour_ago + timedelta(seconds=60)))
    deadline = redis.zscore("jobs:deadlines", job.id)
    assert deadline == pytest.approx((redis.time()[0] + 60) * 1000, abs=5_000)


def test_overdue_jobs_expire_unclaimed(store: JobStore, make_job: MakeJob) -> None:
    late, early = store.create(make_job(deadline_at=soon(-1))), store.create(make_job(deadline_at=soon(60)))
    assert [job.id for job in store.expire_overdue()] == [late.id]
    assert store.expire_overdue() == []
    assert store.get(early.id).status is Status.QUEUED


def test_progress(store: JobStore, claim: Claim) -> None:
    progress = Progress(step=1, steps=4, fraction=0.25)
    store.report_progress(claim, progress)
    assert store.get(claim.job.id).progress == progress


def test_succeed(
    store: JobStore, backlog: Backlog, claim: Claim, outputs: list[Output], receipt: Receipt
) -> None:
    job = store.succeed(claim, receipt, outputs)
    assert (job.status, job.outputs, job.receipts) == (Status.SUCCEEDED, tuple(outputs), (receipt,))
    assert job.progress == Progress(step=4, steps=4, fraction=1)
    assert job == store.get(job.id)
    assert backlog.num_running() == 0


@pytest.fixture
def staged(store: JobStore, make_job: MakeJob) -> Claim:
    """A running job whose first stage is before its drawing, in another queue."""
    beautification = Beautification(model="writer", prompt="a cat", seed=7)
    job = store.create(make_job(stages=(beautification, text_to_image())))
    claim = store.claim(job.id, "worker-1", lease_seconds=60)
    assert claim is not None
    return claim


def test_a_job_waits_in_the_queue_of_its_stage(
    store: JobStore, backlog: Backlog, make_job: MakeJob, staged: Claim
) -> None:
    job = store.create(make_job(stages=staged.job.stages))
    assert (
        job.queue,
        backlog.state("prompts.writer").num_queued,
        backlog.state("images.tiny").num_queued,
    ) == (
        "prompts.writer",
        1,
        0,
    )
    assert backlog.queues() == ["prompts.writer"]


def test_advance(store: JobStore, backlog: Backlog, staged: Claim, receipt: Receipt) -> None:
    job = store.advance(staged, receipt, text="a splendid cat", warnings=["so so"])
    assert (job.status, job.stage.kind, job.queue) == (Status.QUEUED, Kind.TEXT_TO_IMAGE, "images.tiny")
    assert (job.attempts, job.text, job.warnings, job.receipts) == (
        0,
        "a splendid cat",
        ("so so",),
        (receipt,),
    )
    assert job.progress == Progress(step=0, steps=0, fraction=0.5)
    assert job == store.get(job.id)
    assert (backlog.num_running(), backlog.state("images.tiny").num_queued) == (0, 1)
    assert backlog.queues() == ["images.tiny", "prompts.writer"]


def test_a_message_of_an_earlier_stage_is_harmless(store: JobStore, staged: Claim, receipt: Receipt) -> None:
    job = store.advance(staged, receipt)
    assert store.claim(job.id, "worker-1", 60, queues=["prompts.writer"]) is None
    assert store.get(job.id) == job
    assert store.claim(job.id, "worker-2", 60, queues=["images.other", "images.tiny"]) is not None


def test_what_is_done_stays_done_when_a_later_stage_is_queued_again(
    store: JobStore, staged: Claim, receipt: Receipt
) -> None:
    later = store.claim(store.advance(staged, receipt).id, "worker-2", 60)
    assert later is not None
    end_lease(store, later)
    (job,) = store.recover(max_attempts=3)
    assert job.progress == Progress(step=0, steps=0, fraction=0.5)


def test_a_job_of_another_version_counts_as_none(store: JobStore, make_job: MakeJob, redis: Redis) -> None:
    foreign, job = store.create(make_job()), store.create(make_job())
    redis.hset(f"job:{foreign.id}", "request", '{"kind": "dance"}')
    redis.hdel(f"job:{foreign.id}", "stage")
    with pytest.raises(JobNotFound):
        store.get(foreign.id)
    for each in (foreign, job):
        store.claim(each.id, "worker-1", lease_seconds=-1)
    assert [recovered.id for recovered in store.recover(max_attempts=3)] == [job.id]


def test_a_job_has_started_when_its_first_stage_has(store: JobStore, staged: Claim, receipt: Receipt) -> None:
    job = store.advance(staged, receipt)
    assert (job.started_at, job.stage_started_at) == (staged.job.started_at, None)
    later = store.claim(job.id, "worker-2", 60)
    assert later is not None
    assert later.job.started_at == staged.job.started_at
    assert later.job.stage_started_at is not None
    assert store.hand_back(later).started_at == staged.job.started_at


def test_a_stage_is_ended_once(store: JobStore, staged: Claim, receipt: Receipt) -> None:
    store.advance(staged, receipt)
    with pytest.raises(LeaseLost):
        store.advance(staged, receipt)
    assert store.get(staged.job.id).stage_index == 1


def test_receipts_add_up(store: JobStore, staged: Claim, outputs: list[Output], receipt: Receipt) -> None:
    job = store.advance(staged, receipt.model_copy(update={"stage": Kind.BEAUTIFICATION}))
    last = store.claim(job.id, "worker-2", 60)
    assert last is not None
    stages = [receipt.stage for receipt in store.succeed(last, receipt, outputs).receipts]
    assert stages == [Kind.BEAUTIFICATION, Kind.TEXT_TO_IMAGE]


def test_a_job_may_have_no_outputs(store: JobStore, claim: Claim, receipt: Receipt) -> None:
    assert store.succeed(claim, receipt, []).outputs == ()


def test_fail(store: JobStore, backlog: Backlog, claim: Claim) -> None:
    job = store.fail(claim, ERROR)
    assert (job.status, job.error) == (Status.FAILED, ERROR)
    assert backlog.num_running() == 0


def test_hand_back(store: JobStore, claim: Claim) -> None:
    store.report_progress(claim, Progress(step=1, steps=4, fraction=0.25))
    job = store.hand_back(claim)
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    assert (job.worker, job.started_at, job.progress) == (None, None, None)
    assert store.claim(job.id, "worker-2", 60) is not None


def test_ended_jobs_are_kept_for_their_time(redis: Redis, make_job: MakeJob) -> None:
    store = JobStore(redis, retention_seconds=100)
    job = store.cancel(store.create(make_job()).id)
    assert job.ended_at is not None
    assert job.expires_at == job.ended_at + timedelta(seconds=100)
    hour = 3_600_000
    assert all(hour < redis.pttl(key) <= hour + 100_000 for key in (f"job:{job.id}", f"job:{job.id}:events"))


def test_cancel_queued(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    job = store.cancel(store.create(make_job()).id)
    assert job.status is Status.CANCELED
    assert backlog.state("images.tiny").num_queued == 0
    assert store.claim(job.id, "worker-1", 60) is None


def test_cancel_running_fences_its_worker(store: JobStore, claim: Claim) -> None:
    assert store.cancel(claim.job.id).status is Status.CANCELED
    with pytest.raises(LeaseLost):
        store.fail(claim, ERROR)
    assert store.get(claim.job.id).status is Status.CANCELED


def test_cancel_is_published(store: JobStore, claim: Claim, redis: Redis) -> None:
    with redis.pubsub() as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(CANCELED)
        assert pubsub.get_message(timeout=5) is not None
        store.cancel(claim.job.id)
        message = pubsub.get_message(timeout=5)
    assert message is not None
    assert message["data"] == claim.job.id.encode()


def test_cancel_of_an_ended_job_changes_nothing(store: JobStore, claim: Claim) -> None:
    failed = store.fail(claim, ERROR)
    assert store.cancel(failed.id) == failed


def test_cancel_of_no_job(store: JobStore) -> None:
    with pytest.raises(JobNotFound):
        store.cancel(new_job_id())


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.QUEUED])
def test_nothing_is_written_after_the_lease(
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt, status: Status
) -> None:
    leave: dict[Status, Callable[[], Job]] = {
        Status.SUCCEEDED: lambda: store.succeed(claim, receipt, outputs),
        Status.FAILED: lambda: store.fail(claim, ERROR),
        Status.CANCELED: lambda: store.cancel(claim.job.id),
        Status.QUEUED: lambda: store.hand_back(claim),
    }
    left = leave[status]()
    assert_fenced(store, claim, outputs, receipt)
    assert store.get(claim.job.id) == left


def test_the_first_worker_is_fenced_after_recovery(
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt
) -> None:
    end_lease(store, claim)
    store.recover(max_attempts=3)
    second = store.claim(claim.job.id, "worker-2", 60)
    assert second is not None
    assert_fenced(store, claim, outputs, receipt)
    assert store.succeed(second, receipt, outputs).worker == "worker-2"


def test_recover_queues_again(store: JobStore, claim: Claim) -> None:
    end_lease(store, claim)
    (job,) = store.recover(max_attempts=3)
    assert (job.id, job.status, job.attempts) == (claim.job.id, Status.QUEUED, 1)
    assert store.recover(max_attempts=3) == []


def test_recover_leaves_a_lease_that_lasts(store: JobStore, claim: Claim) -> None:
    assert store.recover(max_attempts=3) == []
    assert store.get(claim.job.id) == claim.job


def test_recover_leaves_a_lease_renewed_meanwhile(
    store: JobStore, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_due", lambda index: [claim.job.id])
    assert store.recover(max_attempts=3) == []


def test_recover_gives_up_in_the_end(store: JobStore, claim: Claim) -> None:
    end_lease(store, claim)
    store.recover(max_attempts=2)
    second = store.claim(claim.job.id, "worker-2", 60)
    assert second is not None
    end_lease(store, second)
    (job,) = store.recover(max_attempts=2)
    assert (job.status, job.attempts) == (Status.FAILED, 2)
    assert job.error is not None
    assert job.error.code == "internal"
    assert "2 attempts" in job.error.message


def test_recover_drops_a_job_without_record(
    store: JobStore, backlog: Backlog, claim: Claim, redis: Redis
) -> None:
    end_lease(store, claim)
    redis.delete(f"job:{claim.job.id}")
    assert store.recover(max_attempts=3) == []
    assert backlog.num_running() == 0


def test_a_lease_that_ended_unnoticed_can_be_renewed(store: JobStore, claim: Claim) -> None:
    end_lease(store, claim)
    store.renew(claim, 60)
    assert store.recover(max_attempts=3) == []


def test_a_client_of_text_works_too(valkey_url: str, redis: Redis, make_job: MakeJob) -> None:
    with Redis.from_url(valkey_url, decode_responses=True) as client:
        store, backlog = JobStore(client), Backlog(client)
        job = store.create(make_job())
        assert store.get(job.id) == job
        assert backlog.stale("images.tiny", Priority.INTERACTIVE, 0) == [job.id]
        assert backlog.state("images.tiny") == QueueState(num_queued=1, num_interactive=1)


def test_scripts_survive_a_restart(store: JobStore, claim: Claim, redis: Redis) -> None:
    redis.script_flush()
    store.renew(claim, 60)
