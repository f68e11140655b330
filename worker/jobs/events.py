"""What happens to a job, as a stream that a client may join late and resume."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json
from redis.asyncio import Redis

from worker.jobs.errors import JobNotFound
from worker.jobs.job import Status
from worker.jobs.record import events_key, record_key

Result = TypeVar("Result")

START = "0"
#: How many events one read takes at most.
READ = 100
#: How long one read waits: shorter than any socket timeout, so that an idle job is no error.
PAUSE_SECONDS = 1.0

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


async def follow(
    redis: Redis, job_id: str, after: str = START, heartbeat_seconds: float = 15
) -> AsyncGenerator[Event | None]:
    """All events of a job after the given one, then each as it happens, until the job has ended.

    None comes when nothing has happened for `heartbeat_seconds`. An `after` that is no event id means the
    beginning. Raises JobNotFound, and `redis.exceptions.RedisError` when Redis is away.
    """
    last = after if _is_event_id(after) else START
    heartbeat_at = time.monotonic() + heartbeat_seconds
    while True:
        pause = min(PAUSE_SECONDS, heartbeat_at - time.monotonic())
        ended, events = await _cancelable(_read(redis, job_id, last, pause))
        for event in events:
            yield event
            if event.is_last:
                return
        if ended and not events:
            return
        if events:
            last = events[-1].id
        elif time.monotonic() < heartbeat_at:
            continue
        else:
            yield None
        heartbeat_at = time.monotonic() + heartbeat_seconds


async def _read(redis: Redis, job_id: str, last: str, pause_seconds: float) -> tuple[bool, list[Event]]:
    """Whether the job has ended, and the events after `last`; waits for one only if it has not."""
    status = await redis.hget(record_key(job_id), "status")
    if status is None:
        raise JobNotFound(job_id)
    ended = Status(status.decode() if isinstance(status, bytes) else status).is_final
    block = None if ended else max(1, int(pause_seconds * 1000))
    streams = _Streams.validate_python(await redis.xread({events_key(job_id): last}, count=READ, block=block))
    return ended, [_event(name, entry) for _, entries in streams for name, entry in entries]


def _event(event_id: str, entry: dict[str, str]) -> Event:
    return _Event.validate_python({"id": event_id, "type": entry["type"], "data": from_json(entry["data"])})


async def _cancelable(read: Coroutine[Any, Any, Result]) -> Result:
    """Await a read in a task of its own, so that canceling the caller always takes effect.

    redis-py sends inside `asyncio.wait_for`, which on Python 3.11 swallows a cancellation that comes as the
    sending ends (python/cpython#86296).
    """
    task = asyncio.create_task(read)
    try:
        await asyncio.wait([task])
        return task.result()
    finally:
        task.cancel()
