"""Jobs: what became of requests."""

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from service.answers.listing import Filter, read_page
from service.answers.schemas import JobList, JobResponse
from service.dependencies import TheGateway, TheView
from service.error_answers import error_responses
from worker.jobs.errors import StoreUnavailable
from worker.jobs.job import JOB_ID_PATTERN, Status
from worker.jobs.stages import Kind

MAX_LISTED = 100

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=error_responses(422, 503))


@router.get("")
def list_jobs(
    gateway: TheGateway,
    view: TheView,
    kind: Annotated[Kind | None, Query(description="Only jobs that were asked for this.")] = None,
    status: Annotated[Status | None, Query(description="Only jobs that stand there now.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED, description="Most jobs of the page.")] = 20,
    cursor: Annotated[
        str | None, Query(pattern=JOB_ID_PATTERN, description="`next_cursor` of the page before.")
    ] = None,
) -> JobList:
    """List your jobs, newest first.

    With `has_more`, ask for the next page with `next_cursor` as `cursor`. A page may have fewer jobs than
    `limit`, or none, and still not be the last one when few jobs are of the kind and status asked for.
    """
    page = read_page(gateway.store.newest(view.caller.owner, cursor), Filter(kind, status), limit)
    jobs = view.show_all(page.jobs)
    return JobList(data=jobs, has_more=page.cursor is not None, next_cursor=page.cursor)


@router.get("/{job_id}", responses=error_responses(404))
def get_job(job_id: str, view: TheView) -> JobResponse:
    """Show a job as it stands.

    A job that has ended is kept for a day unless the operator set another time; after that it is 404.
    """
    return view.show(view.find(job_id))


@router.post("/{job_id}/cancel", responses=error_responses(404))
def cancel_job(job_id: str, gateway: TheGateway, view: TheView) -> JobResponse:
    """Cancel a job.

    A queued job never starts, a running one stops before its next step. Canceling twice, or a job that has
    ended, changes nothing and answers with the job as it is.
    """
    return view.show(gateway.store.cancel(view.find(job_id).id))


@router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT, responses=error_responses(404))
def delete_job(job_id: str, gateway: TheGateway, view: TheView) -> None:
    """Remove a job and its pictures.

    If it has not ended it is canceled first. Whoever follows it is told that it is canceled, and no more.
    """
    gateway.store.remove(view.find(job_id).id)
    # What cannot be deleted now, or comes from a worker that has not heard of it yet, is swept soon.
    with suppress(StoreUnavailable):
        gateway.images.delete_job(job_id)
