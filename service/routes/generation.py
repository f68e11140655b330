"""Requests that make pictures."""

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from redis.exceptions import RedisError

from service.admission import admit, check_prompts, choose_model
from service.dependencies import Gateway, TheGateway, TheView
from service.errors import error_responses
from service.prefer import wait_seconds
from service.schemas import JobResponse, TextToImageRequest
from worker.jobs.errors import QueueUnavailable
from worker.jobs.job import Job, Kind

router = APIRouter(tags=["generation"])


@router.post(
    "/v1/text-to-image",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        HTTPStatus.OK: {"model": JobResponse, "description": "The job, ended within `Prefer: wait`"},
        **error_responses(400, 413, 415, 422, 429, 503),
    },
)
async def text_to_image(
    body: TextToImageRequest,
    request: Request,
    response: Response,
    gateway: TheGateway,
    view: TheView,
    prefer: Annotated[
        list[str] | None, Header(description="`wait=N`: answer when the job has ended.")
    ] = None,
) -> JobResponse:
    """Draw pictures of a prompt.

    The answer comes at once, as 202 with a queued job: follow it by its `events` URL, or ask for it by
    `self`. With `Prefer: wait=N` the answer waits for up to N seconds (60 at most) and is 200 with the ended
    job, or 202 if that took longer. Giving up the connection does not cancel the job.
    """
    job = await run_in_threadpool(_submit, gateway, body, request.state.request_id)
    response.headers["Location"] = f"{view.base_url}/v1/jobs/{job.id}"
    seconds = wait_seconds(prefer or [])
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
        job = await _wait(gateway, job, seconds)
    if job.status.is_final:
        response.status_code = HTTPStatus.OK
    return await run_in_threadpool(view.show, job)


def _submit(gateway: Gateway, body: TextToImageRequest, request_id: str) -> Job:
    check_prompts(body, gateway.settings.max_prompt_characters)
    card = choose_model(body.model, Kind.TEXT_TO_IMAGE, gateway.catalog)
    job = gateway.store.create(admit(body, card, request_id))
    try:
        gateway.queue.send(job)
    except (QueueUnavailable, RedisError):
        # The caller is told that it failed and will try again, so this job must not run as well.
        with suppress(RedisError):
            gateway.store.cancel(job.id)
        raise
    gateway.metrics.count_submission(job.kind)
    return job


async def _wait(gateway: Gateway, job: Job, seconds: int) -> Job:
    await gateway.followers.wait(job.id, seconds)
    # The job is taken in, so a Redis that has gone since is no reason to fail the request.
    with suppress(RedisError):
        return await run_in_threadpool(gateway.store.get, job.id)
    return job
