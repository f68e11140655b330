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
from worker.jobs.job import Job, Status
from worker.jobs.record import decode, events_key, record_key


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


def as_of(job: Job, status: Status) -> Job:
    """The job when it came to `status`, told from a record that may be further on by now."""
    if status.is_final:
        return job
    later = ["progress", "ended_at", "expires_at", "error", "receipt"]
    if status is Status.QUEUED:
        later.append("started_at")
    return job.model_copy(update={**dict.fromkeys(later), "outputs": (), "status": status})


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
