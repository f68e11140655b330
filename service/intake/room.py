"""Room: whether the queues of a job can take it, and if not, when to come back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import RETRY_AFTER_QUEUE_FULL_SECONDS, TooManyJobs
from service.intake.estimates import Outlook
from service.settings import GatewaySettings
from worker.jobs.backlog import QueueState
from worker.jobs.errors import QueueFull, WaitTooLong
from worker.jobs.job import Priority

MAX_RETRY_SECONDS = 3600


@dataclass(frozen=True)
class Room:
    """The room that there is for a request."""

    outlook: Outlook
    settings: GatewaySettings
    priority: Priority
    #: How long its job may wait for its start.
    deadline_seconds: float | None = None

    def check(self, queues: Sequence[str]) -> None:
        """Raise TooManyJobs if a queue of its stages is full, or a later stage would wait for too long.

        It is done before pictures are read for nothing. The store knows better what is before the job in its
        first queue, and looks there once more; at the queues of later stages nobody does.
        """
        for queue in queues:
            if self._num_before(queue) >= self.settings.max_queue_length:
                raise self.refusal(QueueFull(queue, self.settings.max_queue_length))
        longest = self.settings.max_wait_seconds
        for queue in queues[1:]:
            wait = self.outlook.wait_seconds(queue, self._num_before(queue))
            if wait is not None and longest is not None and wait > longest:
                raise _too_long(queue, wait, longest)

    def most_before(self, queue: str) -> int | None:
        """How many jobs may be before it in its first queue; None for any number."""
        return None if self._longest is None else self.outlook.most_before(queue, self._longest)

    def refusal(self, error: QueueFull | WaitTooLong) -> TooManyJobs:
        """The answer to a caller for whom there is no room."""
        if isinstance(error, WaitTooLong):
            wait = self.outlook.wait_seconds(error.queue, error.num_before)
            return _too_long(error.queue, wait or 0, self._longest or 0)
        interval = self.outlook.interval(error.queue)
        seconds = RETRY_AFTER_QUEUE_FULL_SECONDS if interval is None else _retry_after(interval)
        return TooManyJobs(str(error), seconds)

    def _num_before(self, queue: str) -> int:
        return self.outlook.queues.get(queue, QueueState()).num_before(self.priority)

    @property
    def _longest(self) -> float | None:
        """How long the job may wait for its start, by its caller and by the operator."""
        limits = (self.deadline_seconds, self.settings.max_wait_seconds)
        return min((limit for limit in limits if limit is not None), default=None)


def _too_long(queue: str, wait: float, longest: float) -> TooManyJobs:
    """Until the wait is as short as it should be."""
    message = f"the estimated wait in queue {queue!r} is {wait:.1f} s, and should be at most {longest:g} s"
    return TooManyJobs(message, _retry_after(wait - longest), {"estimated_wait_seconds": round(wait, 1)})


def _retry_after(seconds: float) -> int:
    return min(max(1, math.ceil(seconds)), MAX_RETRY_SECONDS)
