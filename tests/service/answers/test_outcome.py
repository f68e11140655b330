"""What an ended job means to callers who know no jobs."""

import base64
from collections.abc import Callable
from typing import Any

from service.answers.outcome import allowed, failure, in_base64, is_forbidden
from tests.service.conftest import PICTURE, FakeWorker
from worker.jobs.job import JobError

Submit = Callable[..., dict[str, Any]]


def test_a_picture_is_given_in_base64_unless_it_is_censored(submit: Submit, worker: FakeWorker) -> None:
    job = worker.run(submit()["id"])
    [output] = allowed(job)
    censored = output.model_copy(update={"censored": True})
    assert base64.b64decode(in_base64(output, worker.images)) == PICTURE
    assert allowed(job.model_copy(update={"outputs": (censored,)})) == []


def test_a_job_without_pictures_says_why(submit: Submit, worker: FakeWorker) -> None:
    told, canceled = (
        JobError(code="content_filtered", message="not here"),
        worker.store.cancel(submit()["id"]),
    )
    failed = worker.store.fail(worker.claim(submit()["id"]), told)
    assert (failure(canceled).message, failure(failed)) == ("the job is canceled", told)
    assert [is_forbidden(failure(job)) for job in (canceled, failed)] == [False, True]
