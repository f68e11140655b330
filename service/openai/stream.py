"""A stream: the answer to a request for pictures as server-sent events, as OpenAI's clients read them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass

import structlog
from anyio import CancelScope, to_thread
from fastapi.concurrency import iterate_in_threadpool, run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from redis.exceptions import RedisError

from service.dependencies import Gateway
from service.error_answers import error_response
from service.errors import ApiError, Unavailable
from service.openai.ending import cancel_left, find_ended
from service.openai.partials import PartialImages
from service.openai.results import check_succeeded, completed_events
from service.openai.schemas import ImageEvent
from worker.jobs.errors import JobNotFound, JobsError
from worker.jobs.events import Event
from worker.jobs.job import Job

#: After so long without an event a comment shows that the stream is alive, in seconds.
PAUSE_SECONDS = 15.0

log = structlog.get_logger("gateway")


@dataclass(frozen=True)
class ImageStream:
    """The events of one request."""

    gateway: Gateway
    job: Job
    partials: PartialImages
    #: Whether the job is canceled when the caller goes away.
    cancels: bool

    def response(self, headers: Mapping[str, str]) -> StreamingResponse:
        """The answer that sends them."""
        headers = {**headers, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._frames(), headers=headers, media_type="text/event-stream")

    async def _frames(self) -> AsyncIterator[bytes]:
        ended = False
        try:
            async for frame in self._told():
                yield frame
            ended = True
        finally:
            if self.cancels and not ended:
                # The caller is gone, and so all that is awaited here is canceled unless it is shielded.
                with CancelScope(shield=True):
                    await to_thread.run_sync(cancel_left, self.gateway, self.job)

    async def _told(self) -> AsyncIterator[bytes]:
        """What a caller who stays is told: pictures, or one error, as the head of the answer is sent."""
        try:
            async for frame in self._pictures():
                yield frame
        except ApiError as error:
            yield _error_frame(error)
        except (RedisError, JobsError) as error:
            log.warning("image stream broken off", job_id=self.job.id, reason=str(error))
            yield _error_frame(Unavailable(f"job {self.job.id} cannot be followed any more"))

    async def _pictures(self) -> AsyncIterator[bytes]:
        with suppress(JobNotFound):
            async for event in with_pauses(self.gateway.followers.follow(self.job.id), PAUSE_SECONDS):
                if frame := await self._partial(event):
                    yield frame
        job = await run_in_threadpool(find_ended, self.gateway, self.job)
        check_succeeded(job)
        pictures = completed_events(self.partials.asked, self.partials.verb, job, self.gateway.images)
        async for picture in iterate_in_threadpool(pictures):
            yield _frame(picture)

    async def _partial(self, event: Event | None) -> bytes | None:
        if event is None:
            return KEEPALIVE_COMMENT
        if event.type != "preview":
            return None
        partial = await run_in_threadpool(self.partials.next, event)
        return None if partial is None else _frame(partial)


async def with_pauses(events: AsyncGenerator[Event], seconds: float) -> AsyncIterator[Event | None]:
    """The events, and None whenever none has come for so long."""
    async with aclosing(events):
        while True:
            coming = asyncio.ensure_future(anext(events, None))
            try:
                while not (await asyncio.wait([coming], timeout=seconds))[0]:
                    yield None
            finally:
                coming.cancel()
                # What is still running cannot be closed; and who leaves here may itself be canceled.
                with CancelScope(shield=True):
                    await asyncio.wait([coming])
            event = coming.result()
            if event is None:
                return
            yield event


def _frame(event: ImageEvent) -> bytes:
    return format_sse_event(event=event.type, data_str=event.model_dump_json(exclude_none=True))


def _error_frame(error: ApiError) -> bytes:
    return format_sse_event(event="error", data_str=bytes(error_response(error).body).decode())
