"""The story of one stage of a job in a worker: claim it, do it, store what it made, say so."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import structlog
from celery.exceptions import Reject
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from structlog.contextvars import bound_contextvars

from worker import metrics
from worker.company import Company
from worker.engine.engine import Engine
from worker.engine.handle import Canceled, Handle, SampleFailed
from worker.engine.sample import Order
from worker.finishing.finishing import PLAIN, Finishing
from worker.inputs import Inputs, read_inputs
from worker.jobs.errors import JobNotFound, LeaseLost, QueueUnavailable, StoreUnavailable
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, JobError, Receipt, Status
from worker.jobs.queue import JobQueue
from worker.jobs.store import Claim, JobStore
from worker.lease import Leases
from worker.metrics import Outcome
from worker.progress import ProgressReports
from worker.receipt import make_receipt, queue_seconds
from worker.results import Made, Result, store_result
from worker.settings import WorkerSettings

Answer = TypeVar("Answer")

AWAY = (RedisConnectionError, RedisTimeoutError)
#: Tries again for as long as it is let: the lease token keeps a late write from doing harm.
PATIENT = Retry(ConstantBackoff(0.2), -1, supported_errors=AWAY)

logger = structlog.get_logger(__name__)


class Model(Protocol):
    """What a worker draws with."""

    @property
    def device(self) -> str:
        """Name of the device, for people."""
        ...

    def orders(self, job: Job, inputs: Inputs) -> Sequence[Order]:
        """The samples of a job's present stage. Raises SampleFailed for what the model cannot do."""
        ...

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Any]) -> Made:
        """What the stage has made, from what the engine gives for each sample."""
        ...


@dataclass(frozen=True)
class Stores:
    """Where a worker reads and writes."""

    jobs: JobStore
    queue: JobQueue
    images: ImageStore


@dataclass
class Runner:
    """Runs jobs, each in the thread that calls `run`; all of them share the engine."""

    worker_id: str
    settings: WorkerSettings
    stores: Stores
    model: Model
    engine: Engine
    #: What it takes jobs from; all when there is none.
    queues: Sequence[str] = ()
    finishing: Finishing = PLAIN
    #: The jobs in the engine, by lease token.
    _handles: dict[str, Handle] = field(default_factory=dict)
    #: The jobs that are run now.
    _company: Company = field(default_factory=Company)
    #: When a stopping worker hands back what it still holds, in monotonic seconds.
    _stop_at: float = math.inf

    def __post_init__(self) -> None:
        self.leases = Leases(self.stores.jobs, self.settings.lease_seconds, self._abandon)

    def run(self, job_id: str) -> None:
        """Does all that a message about a job asks for; one that came twice asks for nothing.

        Raises `celery.exceptions.Reject`, which puts the message back, when the worker is stopping.
        """
        # Should it be the job that ends its workers, it is not to use up the attempts of others as well.
        with self._company.join(alone=self._is_last_attempt(job_id)):
            if self._stop_at < math.inf:
                raise Reject("the worker is stopping", requeue=True)
            if claim := self._claim(job_id):
                self._run(claim)

    def _run(self, claim: Claim) -> None:
        job, kind, began = claim.job, claim.job.stage.kind, time.monotonic()
        metrics.QUEUE_WAIT_SECONDS.labels(kind).observe(queue_seconds(job))
        with bound_contextvars(job_id=job.id, request_id=job.request_id):
            with metrics.JOBS_HELD.track_inprogress():
                outcome = self._attempt(claim)
            seconds = time.monotonic() - began
            metrics.count_job(kind, outcome, seconds)
            logger.info("job let go", stage=kind, outcome=outcome, seconds=round(seconds, 3))

    def cancel(self, job_id: str) -> None:
        """Stops a job before its next step, if this worker holds it."""
        for handle in list(self._handles.values()):
            if handle.job_id == job_id:
                handle.cancel()

    def drain(self) -> None:
        """Takes no new job from now on, and hands back what is not finished after `drain_seconds`."""
        self._stop_at = min(self._stop_at, time.monotonic() + self.settings.drain_seconds)

    def _is_last_attempt(self, job_id: str) -> bool:
        """Whether the job has been lost before, and is given up if it is once more."""
        try:
            job = self._ask(lambda: self.stores.jobs.get(job_id))
        except JobNotFound:
            return False
        return job.status is Status.QUEUED and 0 < job.attempts >= self.settings.max_attempts - 1

    def _claim(self, job_id: str) -> Claim | None:
        jobs, seconds = self.stores.jobs, self.settings.lease_seconds
        try:
            return self._ask(lambda: jobs.claim(job_id, self.worker_id, seconds, self.queues))
        except JobNotFound:
            return None

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        """What Redis says of a job that is not ours yet. Raises Reject when it is away, and what it says."""
        try:
            return self._insist(call)
        except AWAY as error:
            raise Reject(f"Redis is away: {error}", requeue=True) from error

    def _attempt(self, claim: Claim) -> Outcome:
        """Brings the job to an end in its record, unless it is no longer ours to end."""
        try:
            with self.leases.hold(claim):
                return self._conclude(claim)
        except LeaseLost:
            return self._dispossessed(claim)
        except RedisError as error:
            logger.warning("Redis has not heard how it ended: left to the reaper", error=str(error))
            return "lost"

    def _conclude(self, claim: Claim) -> Outcome:
        jobs = self.stores.jobs
        try:
            result, receipt = self._work(claim)
        except Canceled:
            # By the drain, or because the job is no longer ours, which Redis knows.
            self._send(self._insist(lambda: jobs.hand_back(claim)))
            return "handed_back"
        except (LeaseLost, RedisError):
            raise
        # The task's edge: whatever happened, the job gets an end that its owner can see.
        except Exception as error:
            reason = _explain(error)
            self._insist(lambda: jobs.fail(claim, reason))
            return "failed"
        return self._report(claim, result, receipt)

    def _report(self, claim: Claim, result: Result, receipt: Receipt) -> Outcome:
        """Says what the stage has made, and has the next one begin if there is one."""
        jobs, text, warnings = self.stores.jobs, result.text, result.warnings
        if claim.job.is_at_last_stage:
            self._insist(lambda: jobs.succeed(claim, receipt, result.outputs, text, warnings))
            return "succeeded"
        self._send(self._insist(lambda: jobs.advance(claim, receipt, text, warnings)))
        return "advanced"

    def _work(self, claim: Claim) -> tuple[Result, Receipt]:
        """Does the stage and stores what it made. Raises what keeps the job from succeeding."""
        job = claim.job
        inputs = read_inputs(job, self.stores.images)
        with self._handling(claim, inputs) as handle:
            self._follow(claim, handle)
            results = handle.result()
        began = time.monotonic()
        made = self.model.finish(job, inputs, results)
        result = store_result(job, made, self.stores.images, self.finishing)
        return result, make_receipt(job, handle, self.model.device, time.monotonic() - began)

    @contextmanager
    def _handling(self, claim: Claim, inputs: Inputs) -> Iterator[Handle]:
        handle = self.engine.submit(self.model.orders(claim.job, inputs), claim.job.id)
        self._handles[claim.token] = handle
        try:
            yield handle
        finally:
            # Whatever ended the task, the engine must not go on with its samples.
            handle.cancel()
            del self._handles[claim.token]

    def _follow(self, claim: Claim, handle: Handle) -> None:
        """Reports on the job until it has ended, or has to end because the worker does."""
        interval, rules = self.settings.preview_interval_seconds, self.finishing.rules
        reports = ProgressReports(self.stores.jobs, claim, handle, interval, rules)
        while not handle.wait(self._pause()):
            if self._is_over():
                handle.cancel()
            else:
                reports.send()

    def _abandon(self, claim: Claim) -> None:
        if handle := self._handles.get(claim.token):
            handle.cancel()

    def _send(self, job: Job) -> None:
        try:
            self.stores.queue.send(job)
        except QueueUnavailable as error:
            logger.warning("queued without a message: the reaper will send one", error=str(error))

    def _dispossessed(self, claim: Claim) -> Outcome:
        """Why the lease was lost."""
        try:
            status = self.stores.jobs.get(claim.job.id).status
        except (JobNotFound, RedisError):
            return "lost"
        return "canceled" if status is Status.CANCELED else "lost"

    def _insist(self, call: Callable[[], Answer]) -> Answer:
        """Tries until Redis answers or the time to stop has come. Raises what the call does."""
        return PATIENT.call_with_retry(call, lambda _: None, lambda _: not self._is_over())

    def _is_over(self) -> bool:
        return time.monotonic() >= self._stop_at

    def _pause(self) -> float:
        return max(0, min(self.settings.progress_interval_seconds, self._stop_at - time.monotonic()))


def _explain(error: Exception) -> JobError:
    """What the owner of a job is told; the whole error is for the log."""
    if isinstance(error, SampleFailed):
        return JobError(code=error.code, message=error.message)
    logger.exception("job failed")
    if isinstance(error, StoreUnavailable):
        return JobError(code="unavailable", message="the image store did not answer")
    return JobError(code="internal", message=f"the worker failed: {type(error).__name__}")
