"""Who asks, and what they may."""

from dataclasses import dataclass

from worker.jobs.job import Priority
from worker.jobs.record import RANKS


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request."""

    #: Id of the API key; empty when none is needed and none was sent.
    owner: str = ""
    #: Name of the key, for the log.
    name: str = ""
    #: How many requests for jobs may come in a time, as `limits` writes it: "60/minute"; None is no limit.
    rate: str | None = None
    #: How many jobs may be queued or running at a time; None is no limit.
    max_active: int | None = None
    #: The highest priority that is granted.
    priority: Priority = Priority.INTERACTIVE

    def grant(self, wanted: Priority) -> Priority:
        """The priority that a job gets which asks for this one."""
        return max(wanted, self.priority, key=lambda priority: RANKS[priority])


#: Who needs no key.
ANYBODY = Caller()
