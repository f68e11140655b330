"""Job records: how fast the queues are served."""

import time

import pytest
from redis import Redis

from tests.worker.conftest import MakeJob
from worker.jobs.errors import WaitTooLong
from worker.jobs.job import Job, Priority, Receipt
from worker.jobs.rates import QueueState, Rates
from worker.jobs.record import record_key
from worker.jobs.store import Claim, JobStore

QUEUE = "images.tiny"


def start(store: JobStore, job: Job) -> Claim:
    claim = store.claim(job.id, "worker-1", 60)
    assert claim is not None
    return claim


def test_nothing_is_known_of_a_new_queue(store: JobStore) -> None:
    assert store.rates(QUEUE) == Rates(interval=None, stage=None)


def test_starts_tell_the_interval_while_jobs_wait(store: JobStore, make_job: MakeJob) -> None:
    jobs = [store.create(make_job()) for _ in range(3)]
    began = time.monotonic()
    for job in jobs:
        time.sleep(0.02)
        start(store, job)
    measured = store.rates(QUEUE).interval
    assert measured is not None
    assert 0.015 < measured < time.monotonic() - began


def test_an_idle_queue_tells_no_interval(store: JobStore, make_job: MakeJob) -> None:
    for _ in range(3):
        start(store, store.create(make_job()))
    assert store.rates(QUEUE).interval is None


def test_an_outage_is_not_taken_for_the_pace(store: JobStore, redis: Redis, make_job: MakeJob) -> None:
    yesterday = (redis.time()[0] - 86_400) * 1000
    measured = {"stage_ms": 50 * 100, "stage_count": 50, "started_at": yesterday + 1}
    redis.hset(f"jobs:rates:{QUEUE}", mapping=measured)
    job = store.create(make_job())
    redis.hset(record_key(job.id), "queued_at", yesterday)
    start(store, job)
    assert store.rates(QUEUE).interval == pytest.approx(0.3)


def test_a_stage_tells_how_long_it_took(store: JobStore, make_job: MakeJob, receipt: Receipt) -> None:
    claim = start(store, store.create(make_job()))
    time.sleep(0.02)
    ended = store.succeed(claim, receipt)
    measured = store.rates(QUEUE).stage
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert measured == pytest.approx((ended.ended_at - ended.started_at).total_seconds(), abs=0.002)


def test_what_was_canceled_tells_nothing(store: JobStore, make_job: MakeJob) -> None:
    store.cancel(start(store, store.create(make_job())).job.id)
    assert store.rates(QUEUE).stage is None


def test_what_was_measured_long_ago_fades(store: JobStore, redis: Redis, make_job: MakeJob) -> None:
    redis.hset(f"jobs:rates:{QUEUE}", mapping={"interval_ms": 50 * 1000, "interval_count": 50})
    for job in [store.create(make_job()) for _ in range(200)]:
        start(store, job)
    measured = store.rates(QUEUE).interval
    assert measured is not None
    assert measured < 0.1


def test_states(store: JobStore, make_job: MakeJob) -> None:
    start(store, store.create(make_job()))
    for _ in range(2):
        store.create(make_job())
    states = store.states([QUEUE, "images.none"])
    assert states[QUEUE] == QueueState(num_queued=2, num_running=1, rates=store.rates(QUEUE))
    assert states["images.none"] == QueueState(0, 0, Rates(None, None))
    assert store.states([]) == {}


def test_running_jobs_are_counted_by_queue(store: JobStore, make_job: MakeJob) -> None:
    claim = start(store, store.create(make_job()))
    assert (store.num_running(QUEUE), store.num_running("images.none"), store.num_running()) == (1, 0, 1)
    store.hand_back(claim)
    assert (store.num_running(QUEUE), store.num_running()) == (0, 0)


def test_positions_of_many(store: JobStore, make_job: MakeJob) -> None:
    jobs = [store.create(make_job()) for _ in range(3)]
    start(store, jobs[0])
    assert store.queue_positions(jobs) == [None, 0, 1]
    assert store.queue_positions([]) == []


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
