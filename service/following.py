"""Following jobs: the state of one now, and everything that happens to it afterwards."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import anyio
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from service.connections import FOLLOW_SECONDS
from service.errors import Unavailable
from service.metrics import GatewayMetrics
from worker.jobs.errors import JobNotFound
from worker.jobs.events import START, Event, follow
from worker.jobs.job import Job, Progress, Status
from worker.jobs.record import decode, events_key, record_key
from worker.jobs.stages import Kind


@dataclass(frozen=True)
class Snapshot:
    """A job, and the last event that this state of it includes."""

    job: Job
    last_event_id: str


def snapshot(redis: Redis, job_id: str) -> Snapshot:
    """Read a job and its last event at one moment. Raises JobNotFound."""
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.hgetall(record_key(job_id))
        pipeline.xrevrange(events_key(job_id), count=1)
        record, events = pipeline.execute()
    if not record:
        raise JobNotFound(job_id)
    last = events[0][0] if events else START
    return Snapshot(decode(record), last.decode() if isinstance(last, bytes) else last)


def as_of(job: Job, status: Status, stage: Kind) -> Job:
    """The job when it came to `status` in `stage`, told from a record that may be further on by now."""
    if status.is_final:
        return job
    index = [part.kind for part in job.stages].index(stage)
    later = ["ended_at", "expires_at", "error"]
    if status is Status.QUEUED or index < job.stage_index:
        later.append("stage_started_at")
    if status is Status.QUEUED and not index:
        later.append("started_at")
    if all(part.kind is not Kind.BEAUTIFICATION for part in job.stages[:index]):
        later.append("text")
    then = {
        "status": status,
        "stage_index": index,
        "progress": Progress(step=0, steps=0, fraction=round(index / len(job.stages), 4)) if index else None,
        "warnings": job.warnings if index else (),
        "receipts": job.receipts[:index],
        "outputs": (),
    }
    return job.model_copy(update=dict.fromkeys(later) | then)


class Followers:
    """Those who follow jobs through this gateway, each over a connection of its own."""

    def __init__(self, redis: AsyncRedis, limit: int, metrics: GatewayMetrics) -> None:
        self._redis = redis
        self._limit = limit
        self._metrics = metrics
        self._num_taken = 0
        self._closing = False

    def close(self) -> None:
        """Let all followers end soon, for a gateway that stops."""
        self._closing = True

    @contextmanager
    def seat(self) -> Iterator[None]:
        """A place among those who follow. Raises Unavailable when all are taken."""
        if self._num_taken >= self._limit:
            raise Unavailable(f"{self._limit} callers follow jobs already, and more may not")
        self._num_taken += 1
        self._metrics.event_streams.set(self._num_taken)
        try:
            yield
        finally:
            self._num_taken -= 1
            self._metrics.event_streams.set(self._num_taken)

    async def follow(self, job_id: str, after: str = START) -> AsyncIterator[Event]:
        """The events of a job after one of them, until the last or until the gateway stops.

        Raises JobNotFound and RedisError.
        """
        async for event in follow(self._redis, job_id, after, FOLLOW_SECONDS):
            if event is not None:
                yield event
            if self._closing:
                return

    async def wait(self, job_id: str, seconds: float) -> None:
        """Return when a job has ended, or after so long, or when it cannot be followed."""
        with suppress(RedisError, Unavailable), self.seat(), anyio.move_on_after(seconds):
            async for _ in self.follow(job_id):
                pass
