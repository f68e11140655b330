"""The job: one request, what became of it, and the values it is made of."""

import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

#: What a job id looks like: 48 bits of milliseconds and 80 random bits, in Crockford's base 32.
JOB_ID_PATTERN = r"^job_[0-7][0-9a-hjkmnp-tv-z]{25}$"
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
MAX_SEED = 2**32 - 1


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


class Kind(StrEnum):
    """What a job asks for."""

    TEXT_TO_IMAGE = "text-to-image"
    #: A part of a picture drawn anew.
    INPAINTING = "inpainting"
    #: A picture made larger.
    SUPER_RESOLUTION = "super-resolution"

    @property
    def queue(self) -> str:
        """Name of the queue that carries jobs of this kind."""
        return _QUEUES[self]


_QUEUES = {Kind.TEXT_TO_IMAGE: "images", Kind.INPAINTING: "images", Kind.SUPER_RESOLUTION: "superres"}
#: Every queue that there is.
QUEUES = tuple(dict.fromkeys(_QUEUES.values()))


class Priority(StrEnum):
    """Who waits for a job: a person, or a script."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class OutputFormat(StrEnum):
    """File format of the pictures; its value is also their file extension."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"

    @property
    def content_type(self) -> str:
        """The media type, such as `image/png`."""
        return f"image/{self.value}"


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Rendering(Value):
    """What every request for pictures has, with every default filled in."""

    model: str
    #: Picture i of the job is drawn from this seed and i.
    seed: int = Field(ge=0, le=MAX_SEED)
    output_format: OutputFormat = OutputFormat.PNG
    output_quality: int = Field(default=90, ge=1, le=100)
    #: Of the pictures that are to be made, in pixels.
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    #: Evaluations of the network per picture.
    steps: int = Field(ge=1)


class Drawing(Rendering):
    """A request for pictures of a prompt."""

    prompt: str
    negative_prompt: str | None = None
    num_images: int = Field(ge=1)
    guidance_scale: float
    sampler: str


class TextToImage(Drawing):
    """A request for pictures of nothing but a prompt."""


class Inpainting(Drawing):
    """A request to draw a part of a picture anew."""

    #: Key in the image store of the picture: a PNG in RGB of `width` x `height`.
    image: str
    #: Key of the mask: an 8-bit grey PNG of the same size, 255 where the picture is drawn anew.
    mask: str
    #: Width in pixels of the seam inside the mask along which old and new are blended; 0 cuts.
    feather: int = Field(default=0, ge=0)
    #: Whether pixels outside the mask stay as they are; if not, they are what the networks make of them.
    paste_back: bool = True


class SuperResolution(Rendering):
    """A request to make one picture larger."""

    #: Key in the image store of the picture: a PNG in RGB of `width / scale` x `height / scale`.
    image: str
    scale: Literal[2, 4]


#: What a job of each kind is asked for.
INPUTS: dict[Kind, type[Rendering]] = {
    Kind.TEXT_TO_IMAGE: TextToImage,
    Kind.INPAINTING: Inpainting,
    Kind.SUPER_RESOLUTION: SuperResolution,
}


class Progress(Value):
    """How far a running job is."""

    step: int
    steps: int
    fraction: float


class Output(Value):
    """One finished picture."""

    index: int
    #: Where it lies in the image store.
    key: str
    width: int
    height: int
    seed: int
    content_type: str


class JobError(Value):
    """Why a job failed."""

    code: str
    message: str


class Receipt(Value):
    """Where the time of a succeeded job went, in milliseconds."""

    queue_ms: float
    encode_ms: float
    denoise_ms: float
    decode_ms: float
    store_ms: float
    device: str
    steps: int
    #: Samples per evaluation of the network, over the steps of this job.
    mean_batch_size: float
    attempts: int


class Job(Value):
    """One request and what has become of it; only `JobStore` makes the next state of one."""

    id: str = Field(pattern=JOB_ID_PATTERN)
    kind: Kind
    #: Id of the API key that asked for it, or nothing.
    owner: str = ""
    status: Status = Status.QUEUED
    #: Of the class that `INPUTS` gives for the kind; the three differ in what they require.
    input: TextToImage | Inpainting | SuperResolution
    priority: Priority = Priority.INTERACTIVE
    #: When it expires unless it has started.
    deadline_at: AwareDatetime | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    #: How often it was started.
    attempts: int = 0
    #: Who runs it, or ran it last.
    worker: str | None = None
    created_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    #: When it was last queued: later than `created_at` when a worker gave it back or died.
    queued_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    #: When its record and its pictures go.
    expires_at: AwareDatetime | None = None
    progress: Progress | None = None
    outputs: tuple[Output, ...] = ()
    error: JobError | None = None
    receipt: Receipt | None = None
    request_id: str = ""

    @model_validator(mode="after")
    def _check_input(self) -> Self:
        if not isinstance(self.input, INPUTS[self.kind]):
            raise ValueError(f"input of {self.kind} is a {type(self.input).__name__}")
        return self


def new_job_id() -> str:
    """An id that sorts by creation time and cannot be guessed."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return "job_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
