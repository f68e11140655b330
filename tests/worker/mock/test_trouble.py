"""Failures that were asked for."""

import subprocess
import sys

import pytest

from tests.worker.conftest import MakeJob
from tests.worker.mock.stages import stage
from worker.jobs.stages import Kind
from worker.mock.trouble import CRASHED, MockError, Trouble, find_trouble
from worker.settings import MOCK_FAILURES, WorkerSettings


def test_there_is_a_name_of_each() -> None:
    assert [*Trouble] == [*MOCK_FAILURES]


@pytest.mark.parametrize("trouble", list(Trouble))
def test_a_prompt_can_ask_for_it(make_job: MakeJob, trouble: Trouble) -> None:
    job = make_job(stage(Kind.TEXT_TO_IMAGE, prompt=f"a cat, mock:{trouble}, in oil"), attempts=1)
    assert find_trouble(job, WorkerSettings()) is trouble


def test_to_be_censored_is_none(make_job: MakeJob) -> None:
    job = make_job(stage(Kind.TEXT_TO_IMAGE, prompt="mock:censor"))
    assert find_trouble(job, WorkerSettings(mock_failure_rate=1)) is None


def test_it_can_be_over_after_some_attempts(make_job: MakeJob) -> None:
    wanted = stage(Kind.TEXT_TO_IMAGE, prompt="mock:crash:2")
    found = [find_trouble(make_job(wanted, attempts=attempt), WorkerSettings()) for attempt in (1, 2, 3)]
    assert found == [Trouble.CRASH, Trouble.CRASH, None]


def test_only_the_stage_that_was_asked_for_fails(make_job: MakeJob) -> None:
    drawing = stage(Kind.TEXT_TO_IMAGE, prompt="mock:error")
    stages = (drawing, stage(Kind.SUPER_RESOLUTION))
    assert find_trouble(make_job(drawing, stages=stages, stage_index=1), WorkerSettings()) is None


def test_a_share_of_all_jobs_fails_always_the_same_ones(make_job: MakeJob) -> None:
    settings = WorkerSettings(mock_failure_rate=0.25, mock_failures="oom,crash")
    jobs = [make_job(id=f"job_0{number:025d}", attempts=1) for number in range(400)]
    found = [find_trouble(job, settings) for job in jobs]
    assert found == [find_trouble(job, settings) for job in jobs]
    assert 80 < 400 - found.count(None) < 120
    assert {*found} == {None, Trouble.OOM, Trouble.CRASH}


def test_another_attempt_may_go_well(make_job: MakeJob) -> None:
    settings = WorkerSettings(mock_failure_rate=0.5)
    attempts = [make_job(id=f"job_0{0:025d}", attempts=attempt) for attempt in range(1, 9)]
    assert {find_trouble(job, settings) for job in attempts} == {None, Trouble.ERROR}


@pytest.mark.parametrize(("trouble", "error"), [(Trouble.ERROR, MockError), (Trouble.OOM, MemoryError)])
def test_it_is_raised(trouble: Trouble, error: type[Exception]) -> None:
    with pytest.raises(error, match="as it was told to"):
        trouble.strike("job")


def test_a_crash_ends_the_process() -> None:
    script = "from worker.mock.trouble import Trouble; Trouble.CRASH.strike('job')"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == CRASHED
