"""An exchange: one request for pictures whose answer waits for the end of its job."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from service.dependencies import Gateway, TheGateway
from service.intake.submission import Submission, TheSubmission
from service.openai.ending import cancel_left, end_of
from service.openai.partials import PartialImages
from service.openai.requests import ImageRequest
from service.openai.results import check_succeeded, images_response
from service.openai.schemas import ImagesResponse, Verb
from service.openai.stream import ImageStream
from service.openai.translation import with_quality
from service.requests import DrawingRequest
from worker.jobs.job import Job

#: As nginx has it: the caller went away before the answer began. Nobody receives it.
GONE = 499


@dataclass(frozen=True)
class Exchange:
    """One request, and the caller that waits for its answer."""

    request: Request
    gateway: Gateway
    submission: Submission
    #: Whether the job is canceled when the caller goes away.
    cancels: bool

    async def answer(
        self, asked: ImageRequest, translated: DrawingRequest, verb: Verb
    ) -> ImagesResponse | Response:
        """Draw what is asked for; `verb` is what the types of the events in a stream begin with."""
        outlook = await run_in_threadpool(self.gateway.lookout.look)
        wanted = with_quality(asked, translated, outlook.offer)
        job = await self.submission.submit(wanted)
        if asked.stream:
            partials = PartialImages(asked, verb, job)
            return ImageStream(self.gateway, job, partials, self.cancels).response(self._headers(job))
        ended = await self._wait(job)
        if ended is None:
            return Response(status_code=GONE)
        check_succeeded(ended)
        self.submission.response.headers.update(self._headers(job))
        return await run_in_threadpool(
            images_response, asked, ended, self.submission.view, self.gateway.images
        )

    async def _wait(self, job: Job) -> Job | None:
        """The job once it has ended; None when the caller has gone. Raises Unavailable and RedisError."""
        end = asyncio.create_task(end_of(self.gateway, job))
        gone = asyncio.create_task(self._gone())
        try:
            await asyncio.wait([end, gone], return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return end.result()
        finally:
            end.cancel()
            gone.cancel()
        if self.cancels:
            await run_in_threadpool(cancel_left, self.gateway, job)
        return None

    async def _gone(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass

    def _headers(self, job: Job) -> dict[str, str]:
        return {**self.submission.response.headers, "Location": self.submission.view.job_url(job.id)}


async def get_exchange(
    request: Request,
    gateway: TheGateway,
    submission: TheSubmission,
    x_cancel_on_disconnect: Annotated[
        bool, Header(description="Cancel the job when the caller goes away before the answer.")
    ] = False,
) -> AsyncIterator[Exchange]:
    """What a route gives its body to; holds a place among the followers until the answer is sent."""
    with gateway.followers.seat(submission.caller.owner):
        yield Exchange(request, gateway, submission, x_cancel_on_disconnect)


TheExchange = Annotated[Exchange, Depends(get_exchange)]
