"""The status of a request: what a job is to a caller of FusionBrain's API."""

from service.answers.outcome import allowed, failure, in_base64, is_forbidden
from service.fusionbrain.identity import job_uuid
from service.fusionbrain.schemas import Result, RunStatus
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Status


def show_status(job: Job, images: ImageStore) -> RunStatus:
    """Where a job stands, with its pictures if it has them. Raises StoreUnavailable."""
    uuid = str(job_uuid(job.id))
    if not job.status.is_final:
        return RunStatus(uuid=uuid, status="PROCESSING" if job.started_at else "INITIAL")
    if job.status is Status.SUCCEEDED:
        return RunStatus(uuid=uuid, status="DONE", result=_result(job, images), generation_time=_seconds(job))
    error = failure(job)
    if is_forbidden(error):
        return RunStatus(uuid=uuid, status="DONE", result=Result(files=[], censored=True))
    return RunStatus(uuid=uuid, status="FAIL", error_description=error.message)


def _result(job: Job, images: ImageStore) -> Result:
    files = [in_base64(output, images) for output in allowed(job)]
    return Result(files=files, censored=len(files) < len(job.outputs))


def _seconds(job: Job) -> int | None:
    if job.started_at is None or job.ended_at is None:
        return None
    return round((job.ended_at - job.started_at).total_seconds())
