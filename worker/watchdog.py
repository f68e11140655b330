"""The watchdog: ends a worker whose device has failed or does not come back from an evaluation.

Nothing else helps: a thread that hangs in a driver cannot be interrupted, and after some errors every call to
a device fails until the process has ended. Its leases end with it, and other workers go on with its jobs.
"""

import faulthandler
import os
from typing import NoReturn

import structlog

from worker.engine.engine import Engine
from worker.periodic import Periodic

#: Exit code of a worker that has ended itself, which may well work when it is started again.
EXIT_CODE = 75
#: How often the watchdog looks during the longest evaluation, and how rarely at most, in seconds.
LOOKS, LONGEST_PAUSE = 4, 5.0
STANDARD_ERROR = 2
#: What CUDA says when its context is of no more use.
STICKY = (
    "an illegal instruction",
    "an illegal memory access",
    "device-side assert",
    "hardware stack error",
    "invalid program counter",
    "misaligned address",
    "operation not supported on global/shared address space",
    "the launch timed out",
    "uncorrectable ECC error",
    "uncorrectable NVLink error",
    "unknown error",
    "unspecified launch failure",
)

logger = structlog.get_logger(__name__)


class Watchdog(Periodic):
    """Ends the process when an evaluation of an engine takes longer than it may."""

    def __init__(self, engine: Engine, max_step_seconds: float) -> None:
        super().__init__("watchdog", min(max_step_seconds / LOOKS, LONGEST_PAUSE), self.look)
        self._engine = engine
        self._max_step_seconds = max_step_seconds

    def stop(self) -> None:
        super().stop()
        faulthandler.cancel_dump_traceback_later()

    def look(self) -> None:
        """End the process if it is time to."""
        # Should the engine keep every other thread from running, ours among them, this needs no turn.
        faulthandler.dump_traceback_later(2 * self._max_step_seconds, exit=True, file=STANDARD_ERROR)
        if self._engine.busy_seconds > self._max_step_seconds:
            leave("stuck in an evaluation", limit=self._max_step_seconds, stack=self._engine.stack)


def leave_if_lost(error: Exception) -> None:
    """End the process if an error means that its device is of no more use."""
    said = str(error)
    if isinstance(error, RuntimeError) and "CUDA" in said and any(words in said for words in STICKY):
        leave("the device has failed", error=said)


def leave(reason: str, **details: object) -> NoReturn:
    """End the process at once, so that its jobs go to other workers when their leases end."""
    try:
        logger.error(reason, exit_code=EXIT_CODE, **details)
    finally:
        os._exit(EXIT_CODE)
