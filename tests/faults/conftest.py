"""A server that keeps its data, and two worker processes of mock models, all of which a test may kill."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.processes import Server, WorkerProcess
from tests.worker.conftest import MakeJob, make_job
from tests.worker.mock.stages import stage
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Status
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.settings import JobSettings
from worker.jobs.stages import Kind
from worker.jobs.store import JobStore

__all__ = ["cluster", "make_job", "submit"]

#: A second or more on any machine.
NUM_STEPS = 100
NUM_WORKERS = 2


@dataclass
class Cluster:
    """The parts that a gateway sees, and the workers that it does not."""

    folder: Path
    server: Server
    store: JobStore
    queue: JobQueue
    images: ImageStore
    workers: list[WorkerProcess] = field(default_factory=list)
    _names: Iterator[int] = field(default_factory=count)

    def refill(self) -> None:
        """Start new workers in place of those that have ended."""
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        while len(self.workers) < NUM_WORKERS:
            self.workers.append(self._start_worker())
        for worker in self.workers:
            worker.await_ready()

    def holder(self, job: Job) -> WorkerProcess:
        """The worker that runs a job."""
        name = self.store.get(job.id).worker or ""
        [holder] = [worker for worker in self.workers if name.endswith(f"-{worker.process.pid}")]
        return holder

    def has_progress(self, job: Job) -> bool:
        """Whether a job is under way, and has taken a step or more."""
        present = self.store.get(job.id)
        return present.status is Status.RUNNING and present.progress is not None and present.progress.step > 0

    def has_succeeded(self, job: Job) -> bool:
        """Whether a job has its pictures."""
        present = self.store.get(job.id)
        assert present.status in (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED), present.error
        return present.status is Status.SUCCEEDED

    def picture(self, job: Job) -> bytes:
        """The first picture of a job."""
        return self.images.get(self.store.get(job.id).outputs[0].key)

    def _start_worker(self) -> WorkerProcess:
        return WorkerProcess.start(
            self.folder / f"worker-{next(self._names)}.log",
            redis_url=self.server.url,
            images_url=self.folder / "images",
            checkpoints="mock",
            lease_seconds=1.5,
            reap_interval_seconds=0.3,
            drain_seconds=0.3,
            max_attempts=2,
            max_step_seconds=3,
        )


@pytest.fixture(scope="module")
def remains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """What the tests before have left of the cluster."""
    folder = tmp_path_factory.mktemp("cluster")
    server = Server(folder)
    server.start()
    with celery_app(JobSettings(redis_url=server.url)) as app:
        images = ImageStore(str(folder / "images"))
        cluster = Cluster(folder, server, JobStore(server.client), JobQueue(app), images)
        yield cluster
    for worker in cluster.workers:
        worker.kill()
    server.client.close()
    server.kill()


@pytest.fixture
def cluster(remains: Cluster) -> Cluster:
    """A cluster whose workers are all alive."""
    remains.refill()
    return remains


@pytest.fixture
def submit(cluster: Cluster, make_job: MakeJob) -> Callable[..., Job]:
    """Creates and sends a job, always the same one; keywords set fields of its input."""

    def submit(**fields: object) -> Job:
        wanted = stage(Kind.TEXT_TO_IMAGE, **{"num_images": 1, "steps": NUM_STEPS, **fields})
        job = cluster.store.create(make_job(wanted))
        cluster.queue.send(job)
        return job

    return submit
