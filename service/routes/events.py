"""What happens to a job, as server-sent events."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from service.answers.view import JobView
from service.dependencies import Gateway, TheGateway, TheView
from service.error_answers import error_responses
from service.errors import InvalidRequest
from service.following import Snapshot, as_of, as_removed, snapshot
from worker.jobs.errors import JobNotFound
from worker.jobs.events import Event
from worker.jobs.job import Output, Status
from worker.jobs.stages import Kind

#: How long a client should wait before it comes back, in milliseconds.
RETRY_MILLISECONDS = 1000

log = structlog.get_logger("gateway")
router = APIRouter(tags=["jobs"])

_event_id = re.compile(r"(\d{1,19})-(\d{1,19})").fullmatch


@dataclass(frozen=True)
class Start:
    """Where a stream begins: with a snapshot of the job, or after the last event that the caller has seen."""

    after: str
    present: Snapshot
    #: Whether the caller is first told how the job stands.
    is_fresh: bool


async def find_start(
    job_id: str,
    gateway: TheGateway,
    view: TheView,
    last_event_id: Annotated[str | None, Header(description="Go on after this event.")] = None,
) -> AsyncIterator[Start]:
    """Take a seat for as long as the stream, and read the job while the answer can still be an error."""
    if last_event_id is not None and not _event_id(last_event_id):
        raise InvalidRequest(
            f"Last-Event-ID should be the id of an event of this job, got {last_event_id[:80]!r}",
            param="Last-Event-ID",
        )
    with gateway.followers.seat(view.caller.owner):
        present = await run_in_threadpool(snapshot, gateway.redis, job_id)
        view.own(present.job)
        if last_event_id is None:
            yield Start(present.last_event_id, present, is_fresh=True)
        elif present.job.status.is_final and _order(last_event_id) >= _order(present.last_event_id):
            # What tells an EventSource of a browser to stop coming back.
            raise HTTPException(HTTPStatus.NO_CONTENT)
        else:
            yield Start(last_event_id, present, is_fresh=False)


@router.get(
    "/v1/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    responses={
        HTTPStatus.NO_CONTENT: {"description": "Nothing comes after `Last-Event-ID`: the job has ended."},
        **error_responses(404, 422, 503),
    },
)
async def stream_events(
    start: Annotated[Start, Depends(find_start)], gateway: TheGateway, view: TheView
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job.

    The first event is a `status` with the whole job as it is now; then each event comes as it happens:

    - `status`: the whole job, at every change of its status or stage;
    - `progress`: `{step, steps, fraction}`: steps of the present stage, and the share of all stages;
    - `preview`: `{step, image}`, a small picture as a data URL; only the newest is kept;
    - `output`: one finished picture, as in the job.

    The stream ends after the `status` that ends the job; one that is removed ends as canceled.
    `Last-Event-ID` resumes: the stream then begins with the event that followed. A comment comes after 15
    seconds without an event. An `EventSource` of a browser resumes and comes to its end by itself, but cannot
    send an API key.
    """
    present, job_id = start.present, start.present.job.id
    try:
        if start.is_fresh:
            yield await run_in_threadpool(_status, view, present, RETRY_MILLISECONDS)
            if present.job.status.is_final:
                return
        async for event in gateway.followers.follow(job_id, start.after):
            yield await _frame(gateway, view, job_id, event)
    except JobNotFound:
        yield _status(view, Snapshot(as_removed(present.job), present.last_event_id))
    except RedisError as error:
        # The head of the answer is sent. A stream that ends early makes the client come back and resume.
        log.warning("event stream broken off", job_id=job_id, reason=str(error))


async def _frame(gateway: Gateway, view: JobView, job_id: str, event: Event) -> ServerSentEvent:
    match event.type:
        case "status":
            return await run_in_threadpool(_status_then, gateway, view, job_id, event)
        case "output":
            output = view.show_output(job_id, Output.model_validate(event.data))
            return ServerSentEvent(event=event.type, id=event.id, data=output)
        case _:
            return ServerSentEvent(event=event.type, id=event.id, data=event.data)


def _status_then(gateway: Gateway, view: JobView, job_id: str, event: Event) -> ServerSentEvent:
    then = as_of(gateway.store.get(job_id), Status(event.data["status"]), Kind(event.data["stage"]))
    return _status(view, Snapshot(then, event.id))


def _status(view: JobView, seen: Snapshot, retry: int | None = None) -> ServerSentEvent:
    shown = view.show(seen.job)
    return ServerSentEvent(event="status", id=seen.last_event_id, data=shown, retry=retry)


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, number = event_id.split("-")
    return int(milliseconds), int(number)
