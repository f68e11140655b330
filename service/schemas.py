"""What callers send and what they get."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from worker.jobs.catalog import ModelCard, SamplerCard, WorkerCard
from worker.jobs.images import image_id
from worker.jobs.job import (
    MAX_SEED,
    Job,
    JobError,
    Kind,
    Output,
    OutputFormat,
    Priority,
    Progress,
    Receipt,
    Status,
    TextToImage,
)

MAX_SIDE = 16384
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 32
MAX_DEADLINE_SECONDS = 7 * 86400

AspectRatio = Literal["1:1", "5:4", "4:5", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21"]


class TextToImageRequest(BaseModel):
    """A prompt, and how to draw it. What is left out is taken from the model's defaults."""

    # Strict: "512" is not a number and true is not 1. A caller who mixes them up should hear of it.
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, frozen=True)

    prompt: str = Field(min_length=1, description="What the picture shows.", examples=["a red apple"])
    negative_prompt: str | None = Field(default=None, description="What the picture should not show.")
    model: str | None = Field(
        default=None, description="A model of `GET /v1/models`; the first served one if left out."
    )
    width: int | None = Field(
        default=None, ge=1, le=MAX_SIDE, description="In pixels, a multiple of the model's."
    )
    height: int | None = Field(
        default=None, ge=1, le=MAX_SIDE, description="In pixels, a multiple of the model's."
    )
    aspect_ratio: AspectRatio | None = Field(
        default=None,
        description="Width to height, instead of both: about as many pixels as the model's default size.",
    )
    num_images: int = Field(default=1, ge=1, description="How many pictures of the prompt.")
    steps: int | None = Field(default=None, ge=1, description="Evaluations of the network per picture.")
    guidance_scale: float | None = Field(
        default=None,
        ge=1,
        allow_inf_nan=False,
        description="How closely to follow the prompt; 1 is no guidance.",
    )
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="Equal seeds give equal pictures.")
    sampler: str | None = Field(default=None, description="One of the model's samplers.")
    output_format: Annotated[OutputFormat, Field(strict=False)] = Field(
        default=OutputFormat.PNG, description="Encoding of the pictures."
    )
    output_quality: int = Field(default=90, ge=1, le=100, description="Of webp and jpeg.")
    priority: Annotated[Priority, Field(strict=False)] = Field(
        default=Priority.INTERACTIVE, description="`batch` gives way to `interactive`."
    )
    deadline_seconds: float | None = Field(
        default=None,
        gt=0,
        le=MAX_DEADLINE_SECONDS,
        allow_inf_nan=False,
        description="If the job has not started by then it ends as `expired`.",
    )
    metadata: dict[str, JsonValue] = Field(
        default={}, description="Returned untouched; at most 16 KiB of JSON."
    )

    @field_validator("metadata", mode="before")
    @classmethod
    def _check_metadata(cls, value: object) -> object:
        if _is_deeper(value, MAX_METADATA_DEPTH):
            raise ValueError(f"should be nested at most {MAX_METADATA_DEPTH} deep")
        # Also refuses NaN and broken Unicode, which JSON cannot carry back.
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
        if size > MAX_METADATA_BYTES:
            raise ValueError(f"should have at most {MAX_METADATA_BYTES} bytes of JSON, has {size}")
        return value

    @model_validator(mode="after")
    def _check_one_size(self) -> "TextToImageRequest":
        if self.aspect_ratio and (self.width or self.height):
            raise ValueError("should have aspect_ratio or width and height, not both")
        return self


def _is_deeper(value: object, limit: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(limit == 0 or _is_deeper(child, limit - 1) for child in children)


class OutputResponse(BaseModel):
    """One picture of a job."""

    id: str = Field(description="For `GET /v1/images/{id}`.")
    url: str
    width: int
    height: int
    seed: int
    content_type: str


class JobUrls(BaseModel):
    """Where the rest about a job is found."""

    self: str
    events: str
    cancel: str


class JobResponse(BaseModel):
    """A job as its owner sees it."""

    id: str
    kind: Kind
    status: Status
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="When the record and the pictures are removed.")
    queue_position: int | None = Field(description="How many jobs are before this one; null unless queued.")
    progress: Progress | None
    input: TextToImage = Field(description="The request with every default filled in.")
    outputs: list[OutputResponse]
    error: JobError | None
    receipt: Receipt | None = Field(description="Where the time went.")
    urls: JobUrls
    metadata: dict[str, JsonValue]


class ModelLimits(BaseModel):
    """The most that a model can be asked for; sizes are in pixels."""

    size_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    max_num_images: int
    max_guidance_scale: float


class ModelDefaults(BaseModel):
    """What a model takes for what a request leaves out."""

    width: int
    height: int
    sampler: str
    guidance_scale: float


class ModelResponse(BaseModel):
    """A model, in the shape of OpenAI's list with what it can do."""

    id: str
    object: Literal["model"] = "model"
    owned_by: str = "kandinsky"
    kinds: list[Kind]
    limits: ModelLimits
    defaults: ModelDefaults
    samplers: list[SamplerCard]
    workers: list[str] = Field(description="Who serves it now; empty when nobody does.")


class ModelList(BaseModel):
    """All models that workers have announced."""

    object: Literal["list"] = "list"
    data: list[ModelResponse]


class Health(BaseModel):
    """The state of the gateway, or of each part that it needs."""

    status: Literal["ok"] = "ok"
    parts: dict[str, str] = {}


def job_response(job: Job, base_url: str, queue_position: int | None) -> JobResponse:
    """What the owner of `job` sees; `base_url` is without a slash at its end."""
    url = f"{base_url}/v1/jobs/{job.id}"
    shown = {
        **dict(job),
        "queue_position": queue_position,
        "outputs": [output_response(job.id, output, base_url) for output in job.outputs],
        "urls": JobUrls(self=url, events=f"{url}/events", cancel=f"{url}/cancel"),
    }
    return JobResponse.model_validate(shown)


def output_response(job_id: str, output: Output, base_url: str) -> OutputResponse:
    """What the owner of a job sees of one picture."""
    image = image_id(job_id, output.index)
    return OutputResponse(
        id=image,
        url=f"{base_url}/v1/images/{image}",
        width=output.width,
        height=output.height,
        seed=output.seed,
        content_type=output.content_type,
    )


def model_response(card: ModelCard, workers: Iterable[WorkerCard]) -> ModelResponse:
    """What callers see of a model."""
    limits = {name: getattr(card, name) for name in ModelLimits.model_fields}
    defaults = {name: getattr(card, f"default_{name}") for name in ModelDefaults.model_fields}
    return ModelResponse(
        id=card.id,
        kinds=list(card.kinds),
        limits=ModelLimits(**limits),
        defaults=ModelDefaults(**defaults),
        samplers=list(card.samplers),
        workers=[worker.id for worker in workers if card.id in worker.models],
    )
