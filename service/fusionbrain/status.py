"""The status of a request: what a job is to a caller of FusionBrain's API."""

import base64

from service.fusionbrain.identity import job_uuid
from service.fusionbrain.schemas import Result, RunStatus
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Status

CONTENT_FILTERED = "content_filtered"


def show_status(job: Job, images: ImageStore) -> RunStatus:
    """Where a job stands, with its pictures if it has them. Raises StoreUnavailable."""
    uuid = str(job_uuid(job.id))
    if not job.status.is_final:
        return RunStatus(uuid=uuid, status="PROCESSING" if job.started_at else "INITIAL")
    if job.status is Status.SUCCEEDED:
        return RunStatus(uuid=uuid, status="DONE", result=_result(job, images), generation_time=_seconds(job))
    if job.error and job.error.code == CONTENT_FILTERED:
        return RunStatus(uuid=uuid, status="DONE", result=Result(files=[], censored=True))
    reason = job.error.message if job.error else f"the job is {job.status}"
    return RunStatus(uuid=uuid, status="FAIL", error_description=reason)


def _result(job: Job, images: ImageStore) -> Result:
    files = [images.get(output.key).bytes for output in job.outputs if not output.censored]
    return Result(
        files=[base64.b64encode(content).decode() for content in files],
        censored=len(files) < len(job.outputs),
    )


def _seconds(job: Job) -> int | None:
    if job.started_at is None or job.ended_at is None:
        return None
    return round((job.ended_at - job.started_at).total_seconds())
