"""The job and its values."""

import re

import pytest
from pydantic import ValidationError

from tests.worker.conftest import MakeJob
from tests.worker.stages import (
    encoding,
    image_to_image,
    inpainting,
    outpainting,
    refinement,
    super_resolution,
    text_to_image,
)
from worker.jobs.job import JOB_ID_PATTERN, Job, Status, new_job_id
from worker.jobs.stages import Beautification, Kind, OutputFormat, Stage, queue_of

BEAUTIFICATION = Beautification(
    model="writer", seed=7, prompt="a cat", style="flat", template="{prompt}, flat style"
)
STAGES: tuple[Stage, ...] = (
    text_to_image(),
    image_to_image(),
    inpainting(),
    outpainting(),
    super_resolution(),
    refinement(),
    encoding(),
    BEAUTIFICATION,
)


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


def test_every_kind_has_a_stage() -> None:
    assert {stage.kind for stage in STAGES} == set(Kind)


def test_every_stage_goes_through_a_queue_of_its_model() -> None:
    assert {queue_of(stage) for stage in STAGES} == {
        "images.tiny",
        "images.tiny-flash",
        "images.tiny-inpainting",
        "superres.tiny-x4",
        "prompts.writer",
        "encoders.tiny-encoder",
    }


@pytest.mark.parametrize("stage", STAGES, ids=[stage.kind for stage in STAGES])
def test_every_stage_survives_json(make_job: MakeJob, stage: Stage) -> None:
    job = make_job(stage)
    again = Job.model_validate_json(job.model_dump_json())
    assert (again, type(again.stage)) == (job, type(stage))


def test_what_was_asked_for_is_one_of_the_stages(make_job: MakeJob) -> None:
    with pytest.raises(ValidationError, match="a job for inpainting has only stages for text-to-image"):
        make_job(kind=Kind.INPAINTING)


def test_the_input_is_the_stage_that_was_asked_for(make_job: MakeJob) -> None:
    job = make_job(stages=(BEAUTIFICATION, text_to_image()))
    assert (job.stage, job.input) == (BEAUTIFICATION, text_to_image())
    assert (job.queue, job.is_at_last_stage) == ("prompts.writer", False)


@pytest.mark.parametrize(
    ("text", "wording"), [(None, "a cat, flat style"), ("a splendid cat", "a splendid cat")]
)
def test_a_stage_draws_what_a_language_model_said(make_job: MakeJob, text: str | None, wording: str) -> None:
    drawing = text_to_image(prompt="a cat", template="{prompt}, flat style")
    assert make_job(drawing, text=text).wording == wording


@pytest.mark.parametrize(
    ("template", "worded"),
    [("{prompt}, flat", "A cat, flat"), ("oil of {prompt}", "oil of A cat."), ("{prompt}", "A cat.")],
)
def test_full_stop_goes_where_the_style_goes_on(template: str, worded: str) -> None:
    assert text_to_image(prompt="A cat.", template=template).worded == worded


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
        make_job(stages=({**make_job().input.model_dump(), "seed": seed},))


def test_a_job_survives_json(make_job: MakeJob) -> None:
    job = make_job(metadata={"order": [1, None, "два"]})
    assert Job.model_validate_json(job.model_dump_json()) == job
