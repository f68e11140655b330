"""The routes of FusionBrain's public API."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from service.dependencies import TheGateway, TheView
from service.dialect import DialectRoute, build
from service.error_answers import error_responses
from service.errors import ContentFiltered, ModelUnavailable, TooManyJobs
from service.fusionbrain.identity import find_job_id, job_uuid
from service.fusionbrain.pipelines import availability, find_model, list_pipelines
from service.fusionbrain.requests import RunParams, TheRun
from service.fusionbrain.schemas import Pipeline, PipelineStatus, RunResponse, RunStatus
from service.fusionbrain.status import show_status
from service.fusionbrain.styles import find_style
from service.intake.submission import Submission, TheSubmission
from service.requests import TextToImageRequest
from worker.jobs.catalog import ModelCard
from worker.jobs.errors import QueueFull
from worker.jobs.job import Job


class FusionBrainRoute(DialectRoute):
    """A route whose fields are called as FusionBrain has it."""

    names: ClassVar[Mapping[str, str]] = {
        "prompt": "generateParams.query",
        "negative_prompt": "negativePromptDecoder",
        "num_images": "numImages",
        "job_id": "uuid",
    }


router = APIRouter(prefix="/key/api/v1", tags=["FusionBrain"], route_class=FusionBrainRoute)


@router.get("/pipelines", responses=error_responses(401, 503))
def get_pipelines(gateway: TheGateway) -> list[Pipeline]:
    """List the models that draw pictures of prompts, as FusionBrain does; the best one comes first."""
    return list_pipelines(gateway)


@router.get("/pipeline/{pipeline_id}/availability", responses=error_responses(400, 401, 404, 503))
def get_availability(pipeline_id: str, gateway: TheGateway) -> PipelineStatus:
    """Say whether a pipeline takes requests now.

    `DISABLED_BY_QUEUE` means that its queue is full, or that no worker serves its model.
    """
    return PipelineStatus(pipeline_status=availability(find_model(pipeline_id, gateway), gateway))


@router.post(
    "/pipeline/run",
    status_code=HTTPStatus.CREATED,
    response_model=RunResponse,
    responses={
        HTTPStatus.OK: {
            "model": PipelineStatus,
            "description": "Not taken in: the pipeline is not available",
        },
        **error_responses(400, 401, 404, 408, 409, 413, 415, 429, 503),
    },
)
async def run_pipeline(run: TheRun, submission: TheSubmission, response: Response) -> RunResponse | Response:
    """Draw pictures of a prompt, as FusionBrain's API does.

    `params` is JSON, in a field or in a file. The answer names the request: ask
    `/key/api/v1/pipeline/status/{uuid}` for what becomes of it. While the pipeline is not available the
    answer has a `pipeline_status` in place of a `uuid`.

    What is wrong with a request is 400 here, where our own routes answer 422. A prompt that the content rules
    do not allow is taken in, and is done at once, without pictures and `censored`.
    """
    card = await run_in_threadpool(find_model, run.pipeline_id, submission.gateway)
    request = _translate(run.params, card)
    try:
        job = await _take(submission, request)
    except (QueueFull, TooManyJobs, ModelUnavailable):
        return _unavailable()
    return RunResponse(uuid=str(job_uuid(job.id)))


@router.get("/pipeline/status/{uuid}", responses=error_responses(400, 401, 404, 503))
def get_status(uuid: str, gateway: TheGateway, view: TheView) -> RunStatus:
    """Show what has become of a request: `INITIAL`, `PROCESSING`, `DONE` with the pictures, or `FAIL`.

    It may be asked again and again until the job has expired.
    """
    return show_status(view.find(find_job_id(uuid)), gateway.images)


async def _take(submission: Submission, request: TextToImageRequest) -> Job:
    """The job of a request, which has failed already if the content rules do not allow its prompt."""
    try:
        return await submission.submit(request)
    except ContentFiltered as error:
        return await submission.reject(request, error)


def _unavailable() -> Response:
    body = PipelineStatus(pipeline_status="DISABLED_BY_QUEUE").model_dump_json()
    return Response(body, HTTPStatus.OK, media_type="application/json")


def _translate(params: RunParams, card: ModelCard) -> TextToImageRequest:
    """The request as ours. Raises RequestValidationError."""
    return build(
        TextToImageRequest,
        {
            "prompt": params.generate_params.query,
            "negative_prompt": params.negative_prompt or None,
            "model": card.id,
            "style": find_style(params.style),
            "width": _nearest(params.width, card),
            "height": _nearest(params.height, card),
            "num_images": params.num_images,
        },
    )


def _nearest(side: int | None, card: ModelCard) -> int | None:
    """The multiple of what the model takes that is nearest to a side."""
    return None if side is None else max(1, round(side / card.size_multiple)) * card.size_multiple
