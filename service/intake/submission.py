"""Submission: the one way by which every request becomes a job and gets its answer."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, TypeVar

from anyio import to_thread
from fastapi import Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from PIL.Image import Image
from redis.exceptions import RedisError

from service.access.callers import Caller
from service.answers.schemas import JobResponse
from service.answers.view import JobView
from service.dependencies import Gateway, TheGateway, TheView
from service.errors import ApiError, IdempotencyConflict, IdempotencyKeyReuse
from service.following import as_removed
from service.intake.admission import admit, check_lengths, find_style
from service.intake.content import check_prompts
from service.intake.estimates import Outlook
from service.intake.idempotency import HEADER, MAX_KEY_CHARACTERS, check_key, fingerprint
from service.intake.prefer import wait_seconds
from service.intake.room import Room
from service.intake.webhooks import read_webhook
from service.pictures.reading import CONTENT_TYPE, encode_png, fit_picture, read_pictures
from service.planning.choice import choose_models
from service.planning.plan import Plan, make_plan
from service.requests import JobRequest, PictureRequest
from worker.jobs.errors import (
    AlreadySubmitted,
    IdempotencyKeyReused,
    JobNotFound,
    JobsError,
    QueueFull,
    StoreUnavailable,
    WaitTooLong,
)
from worker.jobs.image_keys import input_key
from worker.jobs.job import Job, JobError
from worker.jobs.store import Queued
from worker.jobs.submitted import Submitted

#: How long it may take to reject a job; one that was never sent is taken for lost after half a minute.
REJECTION_TIME = timedelta(seconds=10)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Submission:
    """One request that is to be taken in, and the answer to it that is being made."""

    gateway: Gateway
    caller: Caller
    view: JobView
    response: Response
    request_id: str
    #: Path of the route that takes it.
    route: str
    #: By which the same request is known when it comes again.
    key: str | None
    #: How long the caller would like to wait for the end of the job.
    wait_seconds: int | None

    async def submit(self, request: JobRequest) -> Job:
        """Make the request a job, or find the one that it has become under its idempotency key.

        Raises ApiError, and JobsError and RedisError when the job cannot be recorded.
        """
        return (await self._run(request, self._submit)).job

    async def reject(self, request: JobRequest, error: ApiError) -> Job:
        """Make a request that was refused a job that has failed, for callers who only look at jobs."""
        return await self._run(request, lambda request: self._reject(request, error))

    async def take(self, request: JobRequest) -> JobResponse:
        """Make the request a job; answer with it at once, or when it has ended if the caller waits."""
        if self.wait_seconds is None:
            shown = await self._run(request, self._submit_and_show)
        else:
            job = await self.submit(request)
            await self.gateway.followers.wait(job, self.wait_seconds)
            shown = await run_in_threadpool(self._show_now, job)
            self.response.headers["Preference-Applied"] = f"wait={self.wait_seconds}"
        self.response.headers["Location"] = shown.urls.self
        if shown.status.is_final:
            self.response.status_code = HTTPStatus.OK
        return shown

    async def _run(self, request: JobRequest, work: Callable[[JobRequest], Result]) -> Result:
        """Do what takes time in a thread; those that read pictures are apart from all others."""
        limiter = self.gateway.readers if isinstance(request, PictureRequest) else None
        return await to_thread.run_sync(work, request, limiter=limiter)

    def _submit_and_show(self, request: JobRequest) -> JobResponse:
        queued = self._submit(request)
        try:
            return self.view.show_at(queued.job, queued.num_before)
        except RedisError:
            # The job is taken in, so a Redis that has gone since is no reason to fail the request.
            return self.view.show_at(queued.job, None)

    def _show_now(self, job: Job) -> JobResponse:
        """What has become of a job for which its caller has waited; without Redis, what is known of it."""
        try:
            return self.view.show(self.gateway.store.get(job.id))
        except JobNotFound:
            return self.view.show_at(as_removed(job), None)
        except RedisError:
            return self.view.show_at(job, None)

    def _submit(self, request: JobRequest) -> Queued:
        submitted = self._submitted(request)
        try:
            if submitted is not None:
                self.gateway.store.check_submitted(self.caller.owner, submitted)
            queued = self._admit(request, submitted)
        except AlreadySubmitted as error:
            job = self._replay(error.job_id)
            return Queued(job, self.gateway.backlog.position(job))
        except IdempotencyKeyReused as error:
            raise IdempotencyKeyReuse(str(error)) from error
        self.gateway.metrics.count_submission(queued.job.kind)
        return queued

    def _submitted(self, request: JobRequest) -> Submitted | None:
        if self.key is None:
            return None
        seconds = self.gateway.settings.idempotency_seconds
        return Submitted(check_key(self.key), fingerprint(self.route, request), seconds)

    def _replay(self, job_id: str) -> Job:
        """The job of a request that has come before, as it is now."""
        try:
            job = self.gateway.store.get(job_id)
        except JobNotFound as error:
            said = f"the {HEADER} was used for job {job_id}, which has been removed"
            raise IdempotencyConflict(said) from error
        self.response.headers["Idempotency-Replayed"] = "true"
        return job

    def _admit(self, request: JobRequest, submitted: Submitted | None) -> Queued:
        gateway, outlook = self.gateway, self.gateway.lookout.look()
        check_lengths(request, gateway.settings.max_prompt_characters)
        check_prompts(request, gateway.words, gateway.metrics)
        plan = self._plan(request, outlook)
        priority = self.caller.grant(request.priority)
        room = Room(outlook, gateway.settings, priority, request.deadline_seconds)
        room.check(plan.queues)
        pictures = read_pictures(request, gateway.pictures, gateway.sources_for(self.caller))
        job = self._job(plan.with_pictures(pictures))
        fitted = {name: fit_picture(picture, job.input) for name, picture in pictures.items()}
        try:
            return self._record(job, fitted, submitted, room.most_before(job.queue))
        except (QueueFull, WaitTooLong) as error:
            raise room.refusal(error) from error

    def _plan(self, request: JobRequest, outlook: Outlook) -> Plan:
        style = find_style(request, self.gateway.styles)
        return make_plan(request, choose_models(request, outlook.offer), style)

    def _job(self, plan: Plan) -> Job:
        request, url = plan.request, self.view.job_url(plan.job_id)
        webhook = read_webhook(request.webhook_url, request.webhook_events, url, self.gateway.guard)
        return admit(plan, self.caller, self.request_id, webhook)

    def _record(
        self, job: Job, pictures: Mapping[str, Image], submitted: Submitted | None, max_before: int | None
    ) -> Queued:
        """Store the pictures, then the job, so that a worker who sees the job finds them."""
        store, images = self.gateway.store, self.gateway.images
        if pictures:
            # Should this process die before the job is there, the pictures are found all the same.
            self.gateway.retention.expect(job.id)
        try:
            for name, picture in pictures.items():
                images.put(input_key(job.id, name), encode_png(picture), CONTENT_TYPE)
            return store.enqueue(job, submitted, self.caller.max_active, max_before, send=True)
        except JobsError:
            # After a RedisError nobody knows whether the job is there: if not, they are swept.
            if pictures:
                with suppress(StoreUnavailable):
                    images.delete_job(job.id)
            raise

    def _reject(self, request: JobRequest, error: ApiError) -> Job:
        gateway = self.gateway
        job = self._job(self._plan(request, gateway.lookout.look()))
        # Should Redis go before it has failed, it expires: no worker may ever draw it.
        deadline = datetime.now(UTC) + REJECTION_TIME
        gateway.store.create(job.model_copy(update={"deadline_at": deadline}))
        return gateway.store.reject(job.id, JobError(code=error.code, message=error.message))


async def get_submission(
    request: Request,
    response: Response,
    gateway: TheGateway,
    view: TheView,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="The same request under the same key is one job.",
            json_schema_extra={"minLength": 1, "maxLength": MAX_KEY_CHARACTERS},
        ),
    ] = None,
) -> Submission:
    """What a route that takes requests gives its body to."""
    return Submission(
        gateway,
        view.caller,
        view,
        response,
        request_id=request.state.request_id,
        route=request.url.path,
        key=idempotency_key,
        wait_seconds=wait_seconds(request.headers.getlist("prefer")),
    )


TheSubmission = Annotated[Submission, Depends(get_submission)]
