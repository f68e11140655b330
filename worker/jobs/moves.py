"""Moves: the changes of status that a job can make, as `transition.lua` takes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from worker.jobs.job import Job, JobError, Receipt, Status

#: Entries of a queue sort by priority, then by time: each priority has a band of scores this wide.
BAND_MS = 10**13

_Receipts = TypeAdapter(tuple[Receipt, ...])
_Warnings = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True)
class Move:
    """One change of status, as `transition.lua` takes it."""

    sources: Sequence[Status]
    to: Status
    token: str | None = None
    lapsed: bool = False
    attempts: int = 0
    lease_ms: int = 0
    retention_ms: int = 0
    band_ms: int = BAND_MS
    fields: dict[str, str] = field(default_factory=dict)
    #: Those that the job may be in; all when there is none.
    queues: Sequence[str] = ()
    #: What is told besides the new status.
    events: Sequence[tuple[str, str]] = ()
    #: Whether the present stage has done what it was to do.
    receipted: bool = False


def made(job: Job, receipt: Receipt, text: str | None, warnings: Sequence[str]) -> dict[str, str]:
    """The record fields that tell what a stage has made, beside pictures."""
    fields = {
        "receipts": _Receipts.dump_json((*job.receipts, receipt)).decode(),
        "warnings": _Warnings.dump_json((*job.warnings, *warnings)).decode(),
    }
    return fields if text is None else fields | {"text": text}


def failure(error: JobError, *, token: str | None = None, lapsed: bool = False) -> Move:
    """How a running job fails."""
    fields = {"error": error.model_dump_json()}
    return Move([Status.RUNNING], Status.FAILED, token=token, lapsed=lapsed, fields=fields)
