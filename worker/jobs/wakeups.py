"""Hearing that something has happened to a job, over one connection for all who follow jobs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from worker.jobs.cancelable import cancelable
from worker.jobs.record import as_text, events_key

#: How long Redis may say nothing before it is asked whether it is still there, and then until it is given up.
SILENCE_SECONDS = 5.0
#: Pause before a connection that was lost is opened again.
RECONNECT_SECONDS = 0.2
#: How many channels are told to Redis at once.
BATCH = 500

log = structlog.get_logger("gateway")


class Wakeups:
    """Wakes those who follow jobs when Redis tells of an event; what it is they read themselves.

    They are also woken as listening to their job begins, and as it begins anew after the connection was lost:
    what happened before that was not heard. So whoever reads whenever woken misses nothing.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._woken: dict[str, set[asyncio.Event]] = {}
        self._changed = asyncio.Event()
        #: Whether those who follow jobs are to end.
        self.is_closed = False

    def close(self) -> None:
        """Let all who follow jobs end now."""
        self.is_closed = True
        for channel in self._woken:
            self._wake(channel)

    @contextmanager
    def of(self, job_id: str) -> Iterator[asyncio.Event]:
        """What is set whenever something may have happened to a job. Raises JobNotFound for a wrong id."""
        channel, woken = events_key(job_id), asyncio.Event()
        self._woken.setdefault(channel, set()).add(woken)
        self._changed.set()
        try:
            yield woken
        finally:
            self._woken[channel].remove(woken)
            if not self._woken[channel]:
                del self._woken[channel]
                self._changed.set()

    async def run(self) -> NoReturn:
        """Listen until canceled."""
        while True:
            try:
                await self._listen()
            except* (RedisError, OSError) as errors:
                log.warning("events of jobs are not heard", reason=str(errors.exceptions[0]))
            except* Exception:
                # Followers would not be woken any more, and nobody would know why.
                log.exception("events of jobs are not heard")
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        """Raises an ExceptionGroup when the connection is lost."""
        async with self._redis.pubsub() as pubsub, asyncio.TaskGroup() as group:
            async with asyncio.timeout(SILENCE_SECONDS):
                await cancelable(pubsub.connect())
            group.create_task(self._subscribe(pubsub))
            group.create_task(self._hear(pubsub))

    async def _subscribe(self, pubsub: PubSub) -> None:
        """Keep what Redis tells us of to the jobs that somebody follows."""
        subscribed: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._woken)
            for channels in _batches(wanted - subscribed):
                await cancelable(pubsub.subscribe(*channels))
            for channels in _batches(subscribed - wanted):
                await cancelable(pubsub.unsubscribe(*channels))
            subscribed = wanted
            await self._changed.wait()

    async def _hear(self, pubsub: PubSub) -> None:
        is_asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is None and is_asked:
                raise RedisConnectionError(f"Redis said nothing for {2 * SILENCE_SECONDS:g} s")
            is_asked = message is None
            if message is None:
                await cancelable(pubsub.ping())
            # That a subscription begins is a reason to read, too.
            elif message["type"] in ("message", "subscribe"):
                self._wake(as_text(message["channel"]))

    def _wake(self, channel: str) -> None:
        for woken in self._woken.get(channel, ()):
            woken.set()


def _batches(channels: set[str]) -> Iterator[list[str]]:
    ordered = sorted(channels)
    return (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH))
