"""The story of a job in a worker: claim it, draw it, store the pictures, say so."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from worker import metrics
from worker.engine.engine import Engine
from worker.engine.handle import Handle, SampleFailed
from worker.engine.sample import Pixels
from worker.jobs.errors import LeaseLost
from worker.jobs.images import ImageStore, picture_key
from worker.jobs.job import Job, JobError, Output, OutputFormat, Progress, Receipt
from worker.jobs.queue import JobQueue
from worker.jobs.store import Claim, JobStore
from worker.lease import Leases
from worker.networks import orders
from worker.pictures import encode_picture
from worker.settings import WorkerSettings

logger = structlog.get_logger(__name__)


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
    device: str
    settings: WorkerSettings
    stores: Stores
    engine: Engine[Any, Any]
    _held: dict[str, Handle[Any, Any]] = field(default_factory=dict)
    _draining: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.leases = Leases(self.stores.jobs, self.settings.lease_seconds, self.cancel)

    def run(self, job_id: str) -> None:
        """Does everything that a message about a job asks for; a message that came twice asks for nothing."""
        if self._draining.is_set():
            self.stores.queue.send(self.stores.jobs.get(job_id))
            return
        claim = self.stores.jobs.claim(job_id, self.worker_id, self.settings.lease_seconds)
        if claim is None:
            return
        began = time.monotonic()
        metrics.QUEUE_WAIT_SECONDS.labels(claim.job.kind).observe(_queue_seconds(claim.job))
        with metrics.JOBS_HELD.track_inprogress(), self.leases.hold(claim):
            outcome = self._attempt(claim)
        metrics.JOB_SECONDS.labels(claim.job.kind).observe(time.monotonic() - began)
        metrics.JOBS_ENDED.labels(claim.job.kind, outcome).inc()
        logger.info("job let go", job=job_id, outcome=outcome, request_id=claim.job.request_id)

    def cancel(self, job_id: str) -> None:
        """Stops a job before its next step, if this worker holds it."""
        if handle := self._held.get(job_id):
            handle.cancel()

    def drain(self) -> None:
        """Takes no new job, gives those at hand some time to finish, then hands back what is left."""
        self._draining.set()
        deadline = time.monotonic() + self.settings.drain_seconds
        for handle in list(self._held.values()):
            handle.wait(max(0, deadline - time.monotonic()))
            handle.cancel()

    def _attempt(self, claim: Claim) -> str:
        try:
            return self._draw(claim)
        except LeaseLost:
            return "lost"
        # The task's edge: whatever happened, the job gets an end that its owner can see.
        except Exception as error:
            logger.exception("job failed", job=claim.job.id)
            return self._fail(
                claim, JobError(code="internal", message=f"the worker failed: {type(error).__name__}")
            )

    def _draw(self, claim: Claim) -> str:
        with self._holding(claim.job) as handle:
            self._follow(claim, handle)
            try:
                pictures = handle.result()
            except SampleFailed as error:
                return self._end_without(claim, error)
        began = time.monotonic()
        outputs = [self._store(claim.job, index, pixels) for index, pixels in enumerate(pictures)]
        self.stores.jobs.succeed(claim, outputs, self._receipt(claim.job, handle, time.monotonic() - began))
        return "succeeded"

    def _follow(self, claim: Claim, handle: Handle[Any, Any]) -> None:
        """Reports progress and previews until the pictures are there."""
        jobs, settings = self.stores.jobs, self.settings
        next_preview = 0.0
        while not handle.wait(settings.progress_interval_seconds):
            jobs.report_progress(claim, _progress(handle))
            if (preview := handle.take_preview()) is not None:
                picture = encode_picture(preview, OutputFormat.WEBP, quality=80)
                jobs.report_preview(
                    claim, handle.samples[0].num_done, picture, OutputFormat.WEBP.content_type
                )
            if settings.preview_interval_seconds and time.monotonic() >= next_preview:
                next_preview = time.monotonic() + settings.preview_interval_seconds
                handle.ask_for_preview()

    def _end_without(self, claim: Claim, error: SampleFailed) -> str:
        if error.code != "canceled":
            return self._fail(claim, JobError(code=error.code, message=error.message))
        if not self._draining.is_set():
            return "canceled"
        self.stores.queue.send(self.stores.jobs.hand_back(claim))
        return "handed_back"

    def _fail(self, claim: Claim, error: JobError) -> str:
        try:
            self.stores.jobs.fail(claim, error)
        except LeaseLost:
            return "lost"
        return "failed"

    def _store(self, job: Job, index: int, pixels: Pixels) -> Output:
        wanted = job.input
        key = picture_key(job.id, index, wanted.output_format)
        content = encode_picture(pixels, wanted.output_format, wanted.output_quality)
        content_type = wanted.output_format.content_type
        self.stores.images.put(key, content, content_type)
        height, width = pixels.shape[:2]
        return Output(
            index=index, key=key, width=width, height=height, seed=wanted.seed, content_type=content_type
        )

    def _receipt(self, job: Job, handle: Handle[Any, Any], store_seconds: float) -> Receipt:
        timings = [sample.timing for sample in handle.samples]
        return Receipt(
            queue_ms=_milliseconds(_queue_seconds(job)),
            encode_ms=_milliseconds(max(timing.encode for timing in timings)),
            denoise_ms=_milliseconds(max(timing.denoise for timing in timings)),
            decode_ms=_milliseconds(max(timing.decode for timing in timings)),
            store_ms=_milliseconds(store_seconds),
            device=self.device,
            steps=handle.num_steps // len(handle.samples),
            mean_batch_size=round(sum(timing.company for timing in timings) / handle.num_steps, 2),
            attempts=job.attempts,
        )

    @contextmanager
    def _holding(self, job: Job) -> Iterator[Handle[Any, Any]]:
        handle = self.engine.submit(orders(job))
        self._held[job.id] = handle
        try:
            yield handle
        finally:
            # Whatever ended the task, the engine must not go on with its samples.
            handle.cancel()
            del self._held[job.id]


def _progress(handle: Handle[Any, Any]) -> Progress:
    num_samples = len(handle.samples)
    return Progress(
        step=handle.num_done // num_samples,
        steps=handle.num_steps // num_samples,
        fraction=round(handle.num_done / handle.num_steps, 4),
    )


def _queue_seconds(job: Job) -> float:
    if job.started_at is None or job.queued_at is None:
        return 0.0
    return (job.started_at - job.queued_at).total_seconds()


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
