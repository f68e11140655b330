"""What happens to a job, as a stream that a client may join late and resume."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic_core import from_json
from redis.asyncio import Redis

from worker.jobs.cancelable import cancelable
from worker.jobs.errors import JobNotFound
from worker.jobs.job import Status
from worker.jobs.record import as_text, events_key, record_key
from worker.jobs.wakeups import Wakeups

START = "0"
#: How many events one read takes at most.
READ = 100
#: After how long without a wake-up a follower reads all the same: should Redis have told another connection.
PAUSE_SECONDS = 15.0

_Streams = TypeAdapter(list[tuple[str, list[tuple[str, dict[str, str]]]]])
_is_event_id = re.compile(r"^\d{1,19}(-\d{1,19})?$").match


@dataclass(frozen=True)
class Event:
    """One thing that happened to a job.

    `status` carries `{status, stage}` and, when failed, `{error}`; `progress` a Progress; `preview`
    `{step, image}` with a data URL; `output` an Output. Only the newest preview of a running job is kept.
    """

    #: Its id in the stream: `follow` goes on after it.
    id: str
    type: Literal["status", "progress", "preview", "output"]
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether nothing can come after it."""
        return self.type == "status" and Status(self.data["status"]).is_final


_Event = TypeAdapter(Event)


async def follow(redis: Redis, wakeups: Wakeups, job_id: str, after: str = START) -> AsyncGenerator[Event]:
    """All events of a job after the given one, then each as it happens, until the job or all following ends.

    An `after` that is no event id means the beginning. Raises JobNotFound, also when the job is removed
    meanwhile, and `redis.exceptions.RedisError` when Redis is away.
    """
    last = after if _is_event_id(after) else START
    with wakeups.of(job_id) as woken:
        while True:
            woken.clear()
            ended, events = await cancelable(_read(redis, job_id, last))
            for event in events:
                yield event
                if event.is_last:
                    return
            last = events[-1].id if events else last
            if len(events) == READ:
                continue
            if ended or wakeups.is_closed:
                return
            await _pause(woken)


async def wait(redis: Redis, wakeups: Wakeups, job_id: str) -> None:
    """Return when a job, or all following, has ended. Raises as `follow` does."""
    with wakeups.of(job_id) as woken:
        while True:
            woken.clear()
            if await cancelable(_is_ended(redis, job_id)) or wakeups.is_closed:
                return
            await _pause(woken)


async def _read(redis: Redis, job_id: str, last: str) -> tuple[bool, list[Event]]:
    """Whether the job has ended, and the events after `last`, at one moment."""
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.hget(record_key(job_id), "status")
        pipeline.xread({events_key(job_id): last}, count=READ)
        status, streams = await pipeline.execute()
    entries = [entry for _, entries in _Streams.validate_python(streams) for entry in entries]
    return _is_final(job_id, status), [_event(name, entry) for name, entry in entries]


async def _is_ended(redis: Redis, job_id: str) -> bool:
    return _is_final(job_id, await redis.hget(record_key(job_id), "status"))


def _is_final(job_id: str, status: str | bytes | None) -> bool:
    if status is None:
        raise JobNotFound(job_id)
    return Status(as_text(status)).is_final


async def _pause(woken: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(PAUSE_SECONDS):
            await woken.wait()


def _event(event_id: str, entry: dict[str, str]) -> Event:
    return _Event.validate_python({"id": event_id, "type": entry["type"], "data": from_json(entry["data"])})
