"""The job: one request, and what has become of it."""

import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from worker.jobs.stages import AnyStage, Drawing, Kind, Stage, Wording, queue_of
from worker.jobs.value import Value

#: What a job id looks like: 48 bits of milliseconds and 80 random bits, in Crockford's base 32.
JOB_ID_PATTERN = r"^job_[0-7][0-9a-hjkmnp-tv-z]{25}$"
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    #: Its deadline passed before it started.
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether a job in this status stays in it."""
        return self not in (Status.QUEUED, Status.RUNNING)


class Priority(StrEnum):
    """Who waits for a job: a person, or a script."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class Progress(Value):
    """How far a running job is: steps of its present stage, and the share of all its stages."""

    step: int
    steps: int
    fraction: float


class WebhookEvent(StrEnum):
    """What a webhook can be told of: that its job has come to a status."""

    RUNNING = "job.running"
    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELED = "job.canceled"
    EXPIRED = "job.expired"

    @property
    def status(self) -> Status:
        """The status that it tells."""
        return Status(self.value.removeprefix("job."))


class Webhook(Value):
    """Whom to tell what becomes of a job."""

    url: str
    events: tuple[WebhookEvent, ...] = Field(min_length=1)
    #: Where the job is found, for the body of a message.
    job_url: str


class Delivery(Value):
    """One attempt to tell a webhook something."""

    event: WebhookEvent
    #: How many attempts it took, this one included.
    attempt: int
    attempted_at: AwareDatetime
    #: What the receiver answered; None when there was no answer, and `error` tells why.
    status_code: int | None = None
    error: str | None = None
    #: When it is tried again; None when it was heard, or was the last attempt.
    next_attempt_at: AwareDatetime | None = None


class Output(Value):
    """One finished picture."""

    index: int
    #: Where it lies in the image store.
    key: str
    width: int
    height: int
    seed: int
    content_type: str
    #: A few characters from which a blurred picture can be shown while this one loads (https://blurha.sh).
    blurhash: str | None = None
    #: Whether the picture filter has put something unrecognisable in its place.
    censored: bool = False


class JobError(Value):
    """Why a job failed."""

    code: str
    message: str


class Receipt(Value):
    """Where the time of an ended stage went, in milliseconds."""

    stage: Kind
    queue_ms: float
    encode_ms: float
    denoise_ms: float
    decode_ms: float
    store_ms: float
    device: str
    steps: int
    #: Samples per evaluation of the network, over the steps of this stage.
    mean_batch_size: float
    attempts: int


class Job(Value):
    """One request and what has become of it; only `JobStore` makes the next state of one."""

    id: str = Field(pattern=JOB_ID_PATTERN)
    #: What was asked for: the kind of one of the stages.
    kind: Kind
    #: Id of the API key that asked for it, or nothing.
    owner: str = ""
    status: Status = Status.QUEUED
    #: What is done, one after the other; each goes through a queue of its own.
    stages: tuple[AnyStage, ...] = Field(min_length=1)
    #: Which of them is queued or running, or was the last to be.
    stage_index: int = 0
    priority: Priority = Priority.INTERACTIVE
    #: When it expires unless it has started.
    deadline_at: AwareDatetime | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    #: How often its present stage was started.
    attempts: int = 0
    #: Who runs it, or ran it last.
    worker: str | None = None
    created_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    #: When it was last queued: later than `created_at` for a later stage, or when a worker gave it back.
    queued_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    #: When its present stage was.
    stage_started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    #: When its record and its pictures go.
    expires_at: AwareDatetime | None = None
    progress: Progress | None = None
    #: What a language model has made of the prompt; later stages draw it.
    text: str | None = None
    #: What its owner should know of a job that went on all the same.
    warnings: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    error: JobError | None = None
    #: Of the stages that have ended.
    receipts: tuple[Receipt, ...] = ()
    request_id: str = ""
    webhook: Webhook | None = None
    #: What its webhook was told, or could not be, oldest first.
    deliveries: tuple[Delivery, ...] = ()

    @property
    def input(self) -> Stage:
        """The stage that was asked for."""
        return next(stage for stage in self.stages if stage.kind is self.kind)

    @property
    def stage(self) -> Stage:
        """The stage that is queued or running, or was the last to be."""
        return self.stages[self.stage_index]

    @property
    def num_pictures(self) -> int:
        """How many pictures each of its stages makes, of those that make any."""
        return next((stage.num_images for stage in self.stages if isinstance(stage, Drawing)), 1)

    @property
    def wording(self) -> str:
        """What its present stage draws, where that is a drawing: what a language model said, if one did."""
        worded = self.stage.worded if isinstance(self.stage, Wording) else ""
        return worded if self.text is None else self.text

    @property
    def queue(self) -> str:
        """Name of the queue that its present stage goes through."""
        return queue_of(self.stage)

    @property
    def is_at_last_stage(self) -> bool:
        """Whether nothing comes after the present stage."""
        return self.stage_index == len(self.stages) - 1

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        kinds = [stage.kind for stage in self.stages]
        if self.kind not in kinds:
            raise ValueError(f"a job for {self.kind} has only stages for {', '.join(kinds)}")
        if not 0 <= self.stage_index < len(kinds):
            raise ValueError(f"stage_index is {self.stage_index}, of {len(kinds)} stages")
        return self


def new_job_id() -> str:
    """An id that sorts by creation time and cannot be guessed."""
    return new_id("job")


def new_id(prefix: str) -> str:
    """Such an id of something else than a job, with these letters before it."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return f"{prefix}_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
