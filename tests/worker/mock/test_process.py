"""A worker of mock models in a process of its own, on a machine that has nothing but the extra `mock`."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.polling import until
from tests.processes import WorkerProcess
from tests.worker.conftest import MakeJob
from tests.worker.mock.stages import stage
from worker.jobs.job import Status
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.settings import JobSettings
from worker.jobs.stages import Kind
from worker.jobs.store import JobStore

ABSENT = (
    *("torch", "transformers", "tokenizers", "safetensors", "sentencepiece", "huggingface_hub", "accelerate"),
    *("fpng_py", "psutil", "diffusers", "onnxruntime", "cv2", "c2pa", "imwatermark"),
)


@pytest.fixture
def worker(redis: Redis, valkey_url: str, images_url: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess.start(
        tmp_path / "worker.log",
        absent=ABSENT,
        checkpoints="mock",
        redis_url=valkey_url,
        images_url=images_url,
    )
    yield worker
    worker.kill()


def test_it_draws_without_torch(
    worker: WorkerProcess, valkey_url: str, store: JobStore, make_job: MakeJob
) -> None:
    job = store.create(make_job(stage(Kind.TEXT_TO_IMAGE)))
    worker.await_ready()
    with celery_app(JobSettings(redis_url=valkey_url)) as app:
        JobQueue(app).send(job)
    until(lambda: store.get(job.id).status is Status.SUCCEEDED)
    assert worker.stop() == 0


def test_it_needs_nothing_of_the_networks_but_their_defaults() -> None:
    script = "import sys, worker.main, worker.mock.networks; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.split()
    assert {name for name in modules if name.split(".")[0] == "model"} == {"model", "model.defaults"}
