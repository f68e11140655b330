"""Estimates: how long a job waits, and how far that is from what happens."""

import random
import statistics
import threading
import time
from datetime import UTC, datetime

import pytest
from redis import Redis

from service.intake.estimates import Lookout, Outlook
from service.planning.choice import Offer
from tests.polling import until
from tests.service.conftest import CARD, receipt
from worker.jobs.backlog import Backlog, QueueState, Rates
from worker.jobs.catalog import Catalog, WorkerCard
from worker.jobs.job import Job, new_job_id
from worker.jobs.stages import TextToImage
from worker.jobs.store import JobStore

QUEUE = "images.tiny"
OTHER = "images.other"
UNKNOWN = Rates(None, None)
NUM_PLACES = 2


def worker_card(name: str = "a", concurrency: int = 2, queues: tuple[str, ...] = (QUEUE,)) -> WorkerCard:
    started = datetime.now(UTC)
    return WorkerCard(
        id=name, models=("tiny",), queues=queues, device="cpu", started_at=started, concurrency=concurrency
    )


def outlook(*workers: WorkerCard, running: int = 0, rates: Rates = UNKNOWN, other: int = 0) -> Outlook:
    queues = {
        QUEUE: QueueState(num_running=running, rates=rates),
        OTHER: QueueState(num_running=other, rates=rates),
    }
    return Outlook(Offer({"tiny": CARD}, workers), queues)


def test_who_finds_a_free_place_does_not_wait() -> None:
    seen = outlook(worker_card(), rates=Rates(5, 10))
    assert [seen.wait_seconds(QUEUE, before) for before in range(4)] == [0, 0, 5, 10]


def test_who_comes_to_full_workers_waits_for_each_before() -> None:
    seen = outlook(worker_card(), running=2, rates=Rates(5, 10))
    assert [seen.wait_seconds(QUEUE, before) for before in range(3)] == [5, 10, 15]


def test_until_jobs_have_waited_the_time_of_a_stage_tells() -> None:
    seen = outlook(worker_card(concurrency=1), worker_card("b", 3), running=4, rates=Rates(None, 10))
    assert seen.wait_seconds(QUEUE, 0) == 2.5


def test_places_are_shared_with_other_queues() -> None:
    both = worker_card(queues=(QUEUE, OTHER))
    assert outlook(both, running=1, other=1).num_free(QUEUE) == 0
    assert outlook(worker_card(), running=1, other=1).num_free(QUEUE) == 1


@pytest.mark.parametrize(
    "seen",
    [outlook(worker_card(), running=2), outlook(rates=Rates(5, 10)), outlook(worker_card(queues=(OTHER,)))],
    ids=["never measured", "no worker", "workers of another queue"],
)
def test_what_nobody_knows_is_not_told(seen: Outlook) -> None:
    assert seen.wait_seconds(QUEUE, 0) is None
    assert seen.most_before(QUEUE, 10) is None


@pytest.mark.parametrize("running", [0, 1, 2])
@pytest.mark.parametrize("seconds", [0, 1, 5, 7, 9.9, 10, 1000])
def test_most_before_is_the_most_that_wait_no_longer(running: int, seconds: float) -> None:
    seen = outlook(worker_card(), running=running, rates=Rates(5, 10))
    most = seen.most_before(QUEUE, seconds)
    assert most is not None
    assert (seen.wait_seconds(QUEUE, most) or 0) <= seconds < (seen.wait_seconds(QUEUE, most + 1) or 0)


def make_job() -> Job:
    stage = TextToImage(
        prompt="x",
        model="tiny",
        seed=1,
        width=64,
        height=64,
        steps=1,
        num_images=1,
        guidance_scale=3,
        sampler="ddpm",
    )
    return Job(id=new_job_id(), kind=stage.kind, stages=(stage,))


class Laborer(threading.Thread):
    """One place of a worker, which takes jobs one after the other for as long as there are any to come."""

    def __init__(self, redis: Redis, seconds: random.Random) -> None:
        super().__init__()
        self._redis = redis
        self._seconds = seconds
        self.is_done = threading.Event()

    def run(self) -> None:
        store = JobStore(self._redis)
        while not self.is_done.is_set():
            for job_id in self._redis.zrange(f"jobs:queued:{QUEUE}", 0, 0):
                if claim := store.claim(job_id.decode(), self.name, 60):
                    time.sleep(self._seconds.uniform(0.01, 0.03))
                    store.succeed(claim, receipt(claim.job.stage))
            time.sleep(0.001)


def test_the_estimate_is_right_within_a_factor_of_two_under_steady_load(
    redis: Redis, store: JobStore, backlog: Backlog
) -> None:
    catalog = Catalog(redis)
    catalog.publish(worker_card(concurrency=NUM_PLACES), [CARD], ttl_seconds=600)
    lookout = Lookout(catalog, backlog, seconds=0.05)
    laborers = [Laborer(redis, random.Random(index)) for index in range(NUM_PLACES)]
    for laborer in laborers:
        laborer.start()
    estimates: dict[str, float | None] = {}
    for number in range(120):
        # As many come as go, so that about ten wait.
        until(lambda: backlog.state(QUEUE).num_queued < 10)
        job = store.create(make_job())
        before = backlog.position(job)
        if number > 30 and before is not None:
            estimates[job.id] = lookout.look().wait_seconds(QUEUE, before)
    until(lambda: backlog.state(QUEUE).num_queued + backlog.num_running() == 0)
    for laborer in laborers:
        laborer.is_done.set()
        laborer.join()
    ratios = [(estimate or 0) / waited(store.get(job_id)) for job_id, estimate in estimates.items()]
    assert len(ratios) > 50
    assert 0.5 < statistics.quantiles(ratios, n=10)[0] < statistics.quantiles(ratios, n=10)[-1] < 2


def waited(job: Job) -> float:
    assert job.started_at is not None
    return (job.started_at - job.created_at).total_seconds()


def test_what_was_seen_is_good_for_a_time(store: JobStore, backlog: Backlog, catalog: Catalog) -> None:
    patient, hasty = (Lookout(catalog, backlog, seconds) for seconds in (600, 0))
    assert patient.look().queues[QUEUE].num_queued == hasty.look().queues[QUEUE].num_queued == 0
    store.create(make_job())
    assert (patient.look().queues[QUEUE].num_queued, hasty.look().queues[QUEUE].num_queued) == (0, 1)
