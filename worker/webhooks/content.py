"""What a webhook is told: the body and the headers of a message (https://www.standardwebhooks.com)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, JsonValue
from standardwebhooks import Webhook as Signer

from worker.jobs.image_keys import image_id
from worker.jobs.job import Job, JobError, Output, Status, WebhookEvent
from worker.jobs.outbox import Message
from worker.jobs.stages import Kind
from worker.jobs.value import Value


class ToldOutput(Value):
    """One finished picture, as a message tells it."""

    id: str
    index: int
    width: int
    height: int
    seed: int
    content_type: str
    blurhash: str | None
    censored: bool

    @classmethod
    def of(cls, job: Job, output: Output) -> Self:
        """The picture of a job."""
        fields = output.model_dump(exclude={"key"})
        return cls(id=image_id(job.id, output.index), **fields)


class ToldJob(Value):
    """A job, as a message tells it: as it stands when the message is sent."""

    id: str
    kind: Kind
    status: Status
    #: Where the whole of it is found.
    url: str
    text: str | None
    outputs: tuple[ToldOutput, ...]
    error: JobError | None
    metadata: dict[str, JsonValue]
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None

    @classmethod
    def of(cls, job: Job, url: str) -> Self:
        """What is told of a job."""
        return cls(
            id=job.id,
            kind=job.kind,
            status=job.status,
            url=url,
            text=job.text,
            outputs=tuple(ToldOutput.of(job, output) for output in job.outputs),
            error=job.error,
            metadata=job.metadata,
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
        )


class Body(Value):
    """The body of a message."""

    type: WebhookEvent
    #: When it came about.
    timestamp: AwareDatetime
    data: ToldJob


def occurred_at(job: Job, event: WebhookEvent) -> datetime:
    """When a job came to the status that an event tells."""
    reached = job.started_at if event is WebhookEvent.RUNNING else job.ended_at
    return reached or job.created_at


def write_body(job: Job, event: WebhookEvent, url: str) -> str:
    """The body of a message, as JSON."""
    return Body(type=event, timestamp=occurred_at(job, event), data=ToldJob.of(job, url)).model_dump_json()


def write_headers(
    message: Message, request_id: str, body: str, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """The headers of a message: signed with each of the secrets, so that receivers may have either."""
    signatures = [Signer(secret).sign(message.id, now, body) for secret in secrets]
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return headers | ({"X-Request-ID": request_id} if request_id else {})
