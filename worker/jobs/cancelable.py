"""A way around redis-py, inside which a cancellation may get lost."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")


async def cancelable(command: Awaitable[Result]) -> Result:
    """Await a command to Redis in a task of its own, so that canceling the caller always takes effect.

    redis-py sends inside `asyncio.wait_for`, which on Python 3.11 swallows a cancellation that comes as the
    sending ends (python/cpython#86296).
    """
    task = asyncio.ensure_future(command)
    try:
        await asyncio.wait([task])
        return task.result()
    finally:
        task.cancel()
