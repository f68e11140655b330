"""What the tests of jobs and of the worker share."""

from collections.abc import Callable

import pytest

from tests.worker.stages import text_to_image
from worker.jobs.job import Job, Output, Receipt, new_job_id
from worker.jobs.stages import Kind, Stage
from worker.jobs.store import Claim, JobStore

MakeJob = Callable[..., Job]


@pytest.fixture
def make_job() -> MakeJob:
    """Makes a job that no store knows yet, of one stage; keywords set its fields."""

    def make(stage: Stage | None = None, **fields: object) -> Job:
        only = text_to_image() if stage is None else stage
        return Job.model_validate({"id": new_job_id(), "kind": only.kind, "stages": (only,), **fields})

    return make


@pytest.fixture
def claim(store: JobStore, make_job: MakeJob) -> Claim:
    """A running job and its lease."""
    claim = store.claim(store.create(make_job()).id, "worker-1", lease_seconds=60)
    assert claim is not None
    return claim


@pytest.fixture
def outputs(claim: Claim) -> list[Output]:
    """What the job of `claim` gives."""
    return [
        Output(
            index=index,
            key=f"{claim.job.id}/{index}.png",
            width=64,
            height=64,
            seed=7,
            content_type="image/png",
        )
        for index in range(2)
    ]


@pytest.fixture
def receipt() -> Receipt:
    return Receipt(
        stage=Kind.TEXT_TO_IMAGE,
        queue_ms=1,
        encode_ms=2,
        denoise_ms=3,
        decode_ms=4,
        store_ms=5,
        device="cpu",
        steps=4,
        mean_batch_size=1.5,
        attempts=1,
    )
