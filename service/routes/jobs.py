"""Jobs: what became of a request."""

from fastapi import APIRouter

from service.dependencies import TheGateway, TheView
from service.errors import error_responses
from service.schemas import JobResponse

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=error_responses(404, 422, 503))


@router.get("/{job_id}")
def get_job(job_id: str, view: TheView) -> JobResponse:
    """Show a job as it stands.

    A job that has ended is kept for a day unless the operator set another time; after that it is 404.
    """
    return view.show(view.find(job_id))


@router.post("/{job_id}/cancel")
def cancel_job(job_id: str, gateway: TheGateway, view: TheView) -> JobResponse:
    """Cancel a job.

    A queued job never starts, a running one stops before its next step. Canceling twice, or a job that has
    ended, changes nothing and answers with the job as it is.
    """
    return view.show(gateway.store.cancel(view.find(job_id).id))
