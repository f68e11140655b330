"""Events that come slowly."""

import asyncio
from collections.abc import AsyncGenerator

from service.openai.stream import with_pauses
from worker.jobs.events import Event

EVENT = Event("1-0", "progress", {})


async def test_a_pause_shows_between_events_that_are_not_lost() -> None:
    go_on = asyncio.Event()

    async def events() -> AsyncGenerator[Event]:
        await go_on.wait()
        yield EVENT

    told = with_pauses(events(), seconds=0.001)
    assert await anext(told) is None
    go_on.set()
    assert [event async for event in told if event] == [EVENT]


async def test_whoever_leaves_closes_the_events() -> None:
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[Event]:
        try:
            await asyncio.Event().wait()
            yield EVENT
        finally:
            closed.set()

    told = with_pauses(events(), seconds=0.001)
    assert await anext(told) is None
    await told.aclose()
    assert closed.is_set()
