"""What is in the queues, and how fast they are served."""

import time

import pytest
from redis import Redis

from tests.worker.conftest import MakeJob
from worker.jobs.backlog import Backlog, QueueState, Rates
from worker.jobs.errors import WaitTooLong
from worker.jobs.job import Job, JobError, Priority, Receipt
from worker.jobs.record import record_key
from worker.jobs.store import Claim, JobStore

QUEUE = "images.tiny"
ERROR = JobError(code="internal", message="broken")


def start(store: JobStore, job: Job) -> Claim:
    claim = store.claim(job.id, "worker-1", 60)
    assert claim is not None
    return claim


def test_nothing_is_known_of_a_new_queue(backlog: Backlog) -> None:
    assert backlog.state(QUEUE).rates == Rates(interval=None, stage=None)


def test_starts_tell_the_interval_while_jobs_wait(
    store: JobStore, backlog: Backlog, make_job: MakeJob
) -> None:
    jobs = [store.create(make_job()) for _ in range(3)]
    began = time.monotonic()
    for job in jobs:
        claim = start(store, job)
        time.sleep(0.02)
        store.fail(claim, ERROR)
    measured = backlog.state(QUEUE).rates.interval
    assert measured is not None
    assert 0.015 < measured < time.monotonic() - began


def test_places_that_were_free_tell_no_interval(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    jobs = [store.create(make_job()) for _ in range(4)]
    claims = [start(store, job) for job in jobs[:3]]
    assert backlog.state(QUEUE).rates.interval is None
    store.fail(claims[0], ERROR)
    start(store, jobs[3])
    assert backlog.state(QUEUE).rates.interval is not None


def test_jobs_that_end_together_tell_the_interval(
    store: JobStore, backlog: Backlog, make_job: MakeJob
) -> None:
    first, second = ([store.create(make_job()) for _ in range(4)] for _ in range(2))
    began = time.monotonic()
    for claim in [start(store, job) for job in first]:
        store.fail(claim, ERROR)
    time.sleep(0.1)
    for job in second:
        start(store, job)
    measured = backlog.state(QUEUE).rates.interval
    assert measured is not None
    # One long interval and three short ones.
    assert 0.02 < measured < 0.3 * (time.monotonic() - began)


def test_an_idle_queue_tells_no_interval(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    for _ in range(3):
        start(store, store.create(make_job()))
    assert backlog.state(QUEUE).rates.interval is None


def test_an_outage_is_not_taken_for_the_pace(
    store: JobStore, backlog: Backlog, redis: Redis, make_job: MakeJob
) -> None:
    yesterday = (redis.time()[0] - 86_400) * 1000
    measured = {"stage_ms": 50 * 100, "stage_count": 50, "started_at": yesterday + 1, "most_running": 1}
    redis.hset(f"jobs:rates:{QUEUE}", mapping=measured)
    job = store.create(make_job())
    redis.hset(record_key(job.id), "queued_at", yesterday)
    start(store, job)
    assert backlog.state(QUEUE).rates.interval == pytest.approx(0.3)


def test_a_clock_that_was_set_back_tells_nothing(
    store: JobStore, backlog: Backlog, redis: Redis, make_job: MakeJob
) -> None:
    tomorrow = (redis.time()[0] + 86_400) * 1000
    redis.hset(f"jobs:rates:{QUEUE}", mapping={"started_at": tomorrow, "most_running": 1})
    start(store, store.create(make_job()))
    assert backlog.state(QUEUE).rates.interval is None


def test_a_stage_tells_how_long_it_took(
    store: JobStore, backlog: Backlog, make_job: MakeJob, receipt: Receipt
) -> None:
    claim = start(store, store.create(make_job()))
    time.sleep(0.02)
    ended = store.succeed(claim, receipt)
    measured = backlog.state(QUEUE).rates.stage
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert measured == pytest.approx((ended.ended_at - ended.started_at).total_seconds(), abs=0.002)


def test_what_was_canceled_tells_nothing(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    store.cancel(start(store, store.create(make_job())).job.id)
    assert backlog.state(QUEUE).rates.stage is None


def test_what_was_measured_long_ago_fades(
    store: JobStore, backlog: Backlog, redis: Redis, make_job: MakeJob
) -> None:
    redis.hset(f"jobs:rates:{QUEUE}", mapping={"interval_ms": 50 * 1000, "interval_count": 50})
    for job in [store.create(make_job()) for _ in range(200)]:
        store.fail(start(store, job), ERROR)
    measured = backlog.state(QUEUE).rates.interval
    assert measured is not None
    assert measured < 0.1


def test_states(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    start(store, store.create(make_job()))
    for priority in (*Priority, Priority.BATCH):
        store.create(make_job(priority=priority))
    states = backlog.states([QUEUE, "images.none"])
    assert states[QUEUE] == QueueState(num_queued=3, num_interactive=1, num_running=1)
    assert states["images.none"] == QueueState(0, 0, 0, Rates(None, None))
    assert backlog.states([]) == {}


def test_those_of_higher_priority_are_before_all_others() -> None:
    state = QueueState(num_queued=5, num_interactive=2)
    assert [state.num_before(priority) for priority in (Priority.INTERACTIVE, Priority.BATCH)] == [2, 5]


def test_running_jobs_are_counted_by_queue(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    claim = start(store, store.create(make_job()))
    assert (backlog.state(QUEUE).num_running, backlog.num_running()) == (1, 1)
    assert backlog.state("images.none").num_running == 0
    store.hand_back(claim)
    assert (backlog.state(QUEUE).num_running, backlog.num_running()) == (0, 0)


def test_positions(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    jobs = [store.create(make_job()) for _ in range(3)]
    start(store, jobs[0])
    assert backlog.positions(jobs) == [backlog.position(job) for job in jobs] == [None, 0, 1]
    assert backlog.positions([]) == []


def test_a_position_respects_priority(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    batch = store.create(make_job(priority=Priority.BATCH))
    first = store.create(make_job())
    assert backlog.positions([first, batch]) == [0, 1]


def test_stale(store: JobStore, backlog: Backlog, make_job: MakeJob) -> None:
    interactive = store.create(make_job())
    batch = store.create(make_job(priority=Priority.BATCH))
    assert backlog.stale(QUEUE, Priority.INTERACTIVE, 0) == [interactive.id]
    assert backlog.stale(QUEUE, Priority.BATCH, 0) == [batch.id]
    assert backlog.stale(QUEUE, Priority.INTERACTIVE, 60_000) == []


def test_a_job_with_too_many_before_it_is_not_created(store: JobStore, make_job: MakeJob) -> None:
    store.enqueue(make_job(), max_before=0)
    with pytest.raises(WaitTooLong) as refusal:
        store.enqueue(make_job(), max_before=0)
    assert (refusal.value.queue, refusal.value.num_before) == (QUEUE, 1)


def test_those_of_lower_priority_are_not_before_it(store: JobStore, make_job: MakeJob) -> None:
    store.create(make_job(priority=Priority.BATCH))
    assert store.enqueue(make_job(), max_before=0).num_before == 0
    with pytest.raises(WaitTooLong):
        store.enqueue(make_job(priority=Priority.BATCH), max_before=1)
