"""How a job lies in Redis: one hash per job, whose field names are those of `Job`."""

import re

from pydantic import TypeAdapter
from pydantic_core import from_json

from worker.jobs.errors import JobNotFound
from worker.jobs.job import JOB_ID_PATTERN, Job, Priority

#: What never changes, together as JSON in the field `request`.
REQUEST = {"id", "kind", "owner", "stages", "priority", "deadline_at", "metadata", "request_id", "webhook"}
#: Plain text; times are milliseconds since 1970, which pydantic reads as such.
PLAIN = (
    "status",
    "stage_index",
    "attempts",
    "text",
    "worker",
    "created_at",
    "queued_at",
    "started_at",
    "stage_started_at",
    "ended_at",
    "expires_at",
)
#: JSON.
PARTS = ("progress", "warnings", "outputs", "error", "receipts", "deliveries")
#: Order of the priorities in a queue.
RANKS = {Priority.INTERACTIVE: 0, Priority.BATCH: 1}

_HASH = TypeAdapter(dict[str, str])
#: Whether a text looks like the id of a job.
is_job_id = re.compile(JOB_ID_PATTERN).fullmatch


def record_key(job_id: str) -> str:
    """Key of the hash that holds a job. Raises JobNotFound for what cannot be the id of one."""
    if not is_job_id(job_id):
        raise JobNotFound(job_id)
    return f"job:{job_id}"


def events_key(job_id: str) -> str:
    """Key of the stream that holds the events of a job. Raises JobNotFound as `record_key` does."""
    return f"{record_key(job_id)}:events"


def owned_key(owner: str) -> str:
    """Key of the ids of an owner's jobs, which sort by their age."""
    return f"jobs:owned:{owner}"


def as_text(value: str | bytes) -> str:
    """What redis-py returned, of text or of bytes, as text."""
    return value.decode() if isinstance(value, bytes) else value


def encode(job: Job) -> dict[str, str]:
    """The fields that are written when a job is created."""
    return {
        "request": job.model_dump_json(include=REQUEST),
        "stage": job.stage.kind,
        "queue": job.queue,
        "rank": str(RANKS[job.priority]),
        "owner": job.owner,
        # The statuses that a webhook is told of, in spaces.
        "told": "" if job.webhook is None else f" {' '.join(event.status for event in job.webhook.events)} ",
    }


def decode(fields: object) -> Job:
    """The job in a hash as redis-py returns it, of text or of bytes."""
    record = _HASH.validate_python(fields)
    plain = {name: record[name] for name in PLAIN if name in record}
    parts = {name: from_json(record[name]) for name in PARTS if name in record}
    return Job.model_validate({**from_json(record["request"]), **plain, **parts})
