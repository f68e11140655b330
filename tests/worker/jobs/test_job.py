"""The job and its values."""

import re

import pytest
from pydantic import ValidationError

from tests.worker.conftest import MakeJob
from worker.jobs.images import input_key
from worker.jobs.job import (
    INPUTS,
    JOB_ID_PATTERN,
    QUEUES,
    Inpainting,
    Job,
    Kind,
    OutputFormat,
    Rendering,
    Status,
    SuperResolution,
    TextToImage,
    new_job_id,
)

DRAWING = {
    "prompt": "a cat",
    "model": "tiny",
    "width": 64,
    "height": 64,
    "num_images": 1,
    "steps": 4,
    "guidance_scale": 3.0,
    "sampler": "kandinsky",
    "seed": 7,
}
PICTURE, MASK = input_key(new_job_id(), "image"), input_key(new_job_id(), "mask")
REQUESTS = {
    Kind.TEXT_TO_IMAGE: TextToImage.model_validate(DRAWING),
    Kind.INPAINTING: Inpainting.model_validate({**DRAWING, "image": PICTURE, "mask": MASK}),
    Kind.SUPER_RESOLUTION: SuperResolution(
        model="x4", seed=7, width=256, height=128, steps=5, image=PICTURE, scale=4
    ),
}


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for milliseconds in (1, 1_000, 1_800_000_000_000, 2**48 - 1):
        monkeypatch.setattr("time.time_ns", lambda time=milliseconds: time * 1_000_000)
        ids.append(new_job_id())
    assert ids == sorted(ids)
    assert all(re.match(JOB_ID_PATTERN, job_id) for job_id in ids)


def test_ids_of_one_millisecond_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_800_000_000_000_000_000)
    assert len({new_job_id() for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("status", "final"),
    [
        (Status.QUEUED, False),
        (Status.RUNNING, False),
        (Status.SUCCEEDED, True),
        (Status.FAILED, True),
        (Status.CANCELED, True),
        (Status.EXPIRED, True),
    ],
)
def test_final_statuses(status: Status, final: bool) -> None:
    assert status.is_final is final


def test_every_kind_has_a_queue() -> None:
    assert {kind.queue for kind in Kind} == set(QUEUES)


def test_every_kind_has_an_input() -> None:
    assert {kind: type(request) for kind, request in REQUESTS.items()} == INPUTS


@pytest.mark.parametrize(("kind", "request_"), REQUESTS.items())
def test_the_input_of_every_kind_survives_json(make_job: MakeJob, kind: Kind, request_: Rendering) -> None:
    job = make_job(kind=kind, input=request_)
    again = Job.model_validate_json(job.model_dump_json())
    assert (again, type(again.input)) == (job, type(request_))


def test_an_input_is_of_its_kind(make_job: MakeJob) -> None:
    with pytest.raises(ValidationError, match="input of super-resolution is a TextToImage"):
        make_job(kind=Kind.SUPER_RESOLUTION)


def test_content_types() -> None:
    assert [form.content_type for form in OutputFormat] == ["image/png", "image/webp", "image/jpeg"]


def test_a_job_is_frozen(make_job: MakeJob) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_job().status = Status.RUNNING  # type: ignore[misc]


@pytest.mark.parametrize(
    "change", [{"surprise": 1}, {"id": "7"}, {"deadline_at": "2026-01-01T00:00:00"}, {"kind": "dance"}]
)
def test_a_job_refuses_what_it_does_not_know(make_job: MakeJob, change: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        make_job(**change)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_are_32_bits(make_job: MakeJob, seed: int) -> None:
    with pytest.raises(ValidationError, match="seed"):
        make_job(input={**make_job().input.model_dump(), "seed": seed})


def test_a_job_survives_json(make_job: MakeJob) -> None:
    job = make_job(metadata={"order": [1, None, "два"]})
    assert Job.model_validate_json(job.model_dump_json()) == job
