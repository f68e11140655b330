"""The outcome of a job, for callers who know no jobs: pictures in base64, or why there are none."""

import base64

from service.errors import ContentFiltered
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, JobError, Output


def allowed(job: Job) -> list[Output]:
    """The pictures of a job, but for those that the picture filter has censored."""
    return [output for output in job.outputs if not output.censored]


def in_base64(output: Output, images: ImageStore) -> str:
    """The file of a picture. Raises ImageNotFound and StoreUnavailable."""
    return base64.b64encode(images.get(output.key)).decode()


def failure(job: Job) -> JobError:
    """Why a job has ended without pictures."""
    return job.error or JobError(code="internal", message=f"the job is {job.status}")


def is_forbidden(error: JobError) -> bool:
    """Whether the content rules did not allow what was asked for, or anything of what was drawn."""
    return error.code == ContentFiltered.code
