"""Failures that were asked for: by a directive in a request, or for a share of all jobs."""

import hashlib
import os
import threading
from enum import StrEnum

import structlog

from worker.jobs.job import Job
from worker.mock.directives import CENSOR, find_directive
from worker.settings import WorkerSettings

#: Exit code of a worker that was told to crash.
CRASHED = 70

logger = structlog.get_logger(__name__)


class MockError(Exception):
    """A failure that was asked for."""


class Trouble(StrEnum):
    """How the evaluation of a mock model can fail."""

    #: An exception, which fails the one job.
    ERROR = "error"
    #: The device's memory does not suffice, which fails the one job.
    OOM = "oom"
    #: The process ends without a word to anybody.
    CRASH = "crash"
    #: The evaluation never ends.
    HANG = "hang"

    @property
    def comes_last(self) -> bool:
        """Whether it happens as the result is decoded: the engine is not to learn to take fewer rows."""
        return self is Trouble.OOM

    def strike(self, job_id: str) -> None:
        """Have it happen. Raises MockError or MemoryError, unless it ends the process or never returns."""
        logger.warning("mock trouble", job_id=job_id, trouble=self.value)
        match self:
            case Trouble.ERROR:
                raise MockError("as it was told to")
            case Trouble.OOM:
                raise MemoryError("as it was told to")
            case Trouble.CRASH:
                os._exit(CRASHED)
            case Trouble.HANG:
                threading.Event().wait()


def find_trouble(job: Job, settings: WorkerSettings) -> Trouble | None:
    """What is to go wrong in this attempt at the stage that was asked for; nothing does in the others.

    It depends on nothing but the request, the job's id, the number of the attempt and the settings.
    """
    if job.stage.kind is not job.kind:
        return None
    if directive := find_directive(job):
        strikes = directive.name != CENSOR and directive.applies(job.attempts)
        return Trouble(directive.name) if strikes else None
    digest = hashlib.sha256(f"{job.id} {job.attempts}".encode()).digest()
    if int.from_bytes(digest[:4]) / 2**32 >= settings.mock_failure_rate:
        return None
    names = settings.mock_failure_names
    return Trouble(names[int.from_bytes(digest[4:8]) % len(names)])
