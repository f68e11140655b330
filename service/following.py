"""Following jobs: the state of one now, and everything that happens to it afterwards."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from service.connections import connect_async, connect_listener
from service.errors import Unavailable
from service.metrics import GatewayMetrics
from service.settings import GatewaySettings
from worker.jobs.errors import JobNotFound
from worker.jobs.events import START, Event, follow, wait
from worker.jobs.job import Job, Progress, Status
from worker.jobs.record import as_text, decode, events_key, record_key
from worker.jobs.stages import Kind
from worker.jobs.wakeups import Wakeups


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
    return Snapshot(decode(record), as_text(last))


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


def as_removed(job: Job) -> Job:
    """The end of a job whose record has gone: one that had not ended has been removed by its owner."""
    if job.status.is_final:
        return job
    return job.model_copy(update={"status": Status.CANCELED, "ended_at": datetime.now(UTC)})


class Followers:
    """Those who follow jobs through this gateway."""

    def __init__(self, redis: AsyncRedis, wakeups: Wakeups, limit: int, metrics: GatewayMetrics) -> None:
        self._redis = redis
        self._wakeups = wakeups
        self._limit = limit
        self._metrics = metrics
        #: How many places are taken, by the owners of the API keys.
        self._taken: Counter[str] = Counter()

    def close(self) -> None:
        """Let all followers end now, for a gateway that stops."""
        self._wakeups.close()

    @contextmanager
    def seat(self, owner: str) -> Iterator[None]:
        """A place among those who follow, of which one API key gets half at most.

        Raises Unavailable when all are taken.
        """
        share = -(-self._limit // 2)
        if self._taken.total() >= self._limit:
            raise Unavailable(f"{self._limit} callers follow jobs already, and more may not")
        if owner and self._taken[owner] >= share:
            raise Unavailable(f"{share} callers with this API key follow jobs already, and more may not")
        self._take(owner, 1)
        try:
            yield
        finally:
            self._take(owner, -1)

    def follow(self, job_id: str, after: str = START) -> AsyncGenerator[Event]:
        """The events of a job after one of them, until the last or until the gateway stops.

        Raises JobNotFound and RedisError.
        """
        return follow(self._redis, self._wakeups, job_id, after)

    async def wait(self, job: Job, seconds: float) -> None:
        """Return when a job has ended or is gone, or after so long, or when it cannot be followed."""
        unable = suppress(JobNotFound, RedisError, Unavailable)
        with unable, self.seat(job.owner), anyio.move_on_after(seconds):
            await wait(self._redis, self._wakeups, job.id)

    def _take(self, owner: str, num_places: int) -> None:
        # Adding drops the names of those who have none.
        self._taken += Counter({owner: num_places})
        self._metrics.event_streams.set(self._taken.total())


@asynccontextmanager
async def open_followers(settings: GatewaySettings, metrics: GatewayMetrics) -> AsyncIterator[Followers]:
    """A place for followers, which listens to Redis meanwhile."""
    async with connect_async(settings) as readers, connect_listener(settings) as listener:
        wakeups = Wakeups(listener)
        listening = asyncio.create_task(wakeups.run())
        try:
            yield Followers(readers, wakeups, settings.max_event_streams, metrics)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
