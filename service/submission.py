"""Submission: the one way by which every request becomes a job and gets its answer."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from PIL.Image import Image
from redis.exceptions import RedisError

from service.admission import admit, check_prompts, find_style
from service.callers import Caller
from service.choice import choose_models
from service.dependencies import Gateway, TheCaller, TheGateway, TheView
from service.pictures import CONTENT_TYPE, encode_png, fit_picture, read_pictures
from service.plan import NO_SIZE, Plan
from service.prefer import wait_seconds
from service.requests import JobRequest, PictureRequest
from service.schemas import JobResponse
from service.styles import Style
from service.view import JobView
from worker.jobs.catalog import ModelCard
from worker.jobs.errors import QueueFull, QueueUnavailable, StoreUnavailable
from worker.jobs.images import input_key
from worker.jobs.job import Job, new_job_id
from worker.jobs.stages import MAX_SEED, Kind, queue_name


@dataclass(frozen=True)
class Submission:
    """One request that is to be taken in, and the answer to it that is being made."""

    gateway: Gateway
    caller: Caller
    view: JobView
    response: Response
    request_id: str
    #: How long the caller would like to wait for the end of the job.
    wait_seconds: int | None

    async def take(self, request: JobRequest) -> JobResponse:
        """Make the request a job; answer with it at once, or when it has ended if the caller waits."""
        job = await to_thread.run_sync(self._submit, request, limiter=self._threads(request))
        self.response.headers["Location"] = f"{self.view.base_url}/v1/jobs/{job.id}"
        if self.wait_seconds is not None:
            self.response.headers["Preference-Applied"] = f"wait={self.wait_seconds}"
            job = await self._wait(job, self.wait_seconds)
        if job.status.is_final:
            self.response.status_code = HTTPStatus.OK
        return await run_in_threadpool(self.view.show, job)

    def _submit(self, request: JobRequest) -> Job:
        gateway = self.gateway
        check_prompts(request, gateway.settings.max_prompt_characters)
        style = find_style(request, gateway.styles)
        models = choose_models(request, gateway.catalog)
        self._check_queues(models)
        pictures = read_pictures(request, gateway.pictures)
        job = admit(_plan(request, models, style, pictures), self.caller.owner, self.request_id)
        fitted = {name: fit_picture(picture, job.input) for name, picture in pictures.items()}
        job = self._record(job, fitted)
        self._send(job)
        gateway.metrics.count_submission(job.kind)
        return job

    def _threads(self, request: JobRequest) -> CapacityLimiter | None:
        """Where the request is worked on; None is where most are."""
        return self.gateway.readers if isinstance(request, PictureRequest) else None

    def _check_queues(self, models: Mapping[Kind, ModelCard]) -> None:
        """Raise QueueFull if a stage has no place in its queue, before pictures are read for nothing.

        The store looks at the queue of the first stage once more; at those of later stages nobody does.
        """
        limit = self.gateway.settings.max_queue_length
        for queue in (queue_name(kind, card.id) for kind, card in models.items()):
            if self.gateway.store.num_queued(queue) >= limit:
                raise QueueFull(queue, limit)

    def _record(self, job: Job, pictures: Mapping[str, Image]) -> Job:
        """Store the pictures, then the job, so that a worker who sees the job finds them."""
        if pictures:
            # Should this process die before the job is there, the pictures are found all the same.
            self.gateway.store.expect(job.id)
        try:
            for name, picture in pictures.items():
                self.gateway.images.put(input_key(job.id, name), encode_png(picture), CONTENT_TYPE)
            return self.gateway.store.create(job, max_active=self.caller.max_active)
        except Exception:
            if pictures:
                with suppress(StoreUnavailable):
                    self.gateway.images.delete_job(job.id)
            raise

    def _send(self, job: Job) -> None:
        try:
            self.gateway.queue.send(job)
        except (QueueUnavailable, RedisError):
            # The caller is told that it failed and will try again, so this job must not run as well.
            with suppress(RedisError):
                self.gateway.store.cancel(job.id)
            raise

    async def _wait(self, job: Job, seconds: int) -> Job:
        await self.gateway.followers.wait(job.id, seconds)
        # The job is taken in, so a Redis that has gone since is no reason to fail the request.
        with suppress(RedisError):
            return await run_in_threadpool(self.gateway.store.get, job.id)
        return job


async def get_submission(
    request: Request,
    response: Response,
    gateway: TheGateway,
    caller: TheCaller,
    view: TheView,
    prefer: Annotated[
        list[str] | None, Header(description="`wait=N`: answer when the job has ended.")
    ] = None,
) -> Submission:
    """What a route that takes requests gives its body to."""
    return Submission(gateway, caller, view, response, request.state.request_id, wait_seconds(prefer or []))


def _plan(
    request: JobRequest, models: Mapping[Kind, ModelCard], style: Style | None, pictures: Mapping[str, Image]
) -> Plan:
    return Plan(
        job_id=new_job_id(),
        request=request,
        models=models,
        seed=secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed,
        style=style,
        size=pictures["image"].size if pictures else NO_SIZE,
    )


TheSubmission = Annotated[Submission, Depends(get_submission)]
