"""What callers get."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue

from worker.jobs.catalog import ModelCard, SamplerCard, WorkerCard
from worker.jobs.images import image_id
from worker.jobs.job import (
    Drawing,
    Inpainting,
    Job,
    JobError,
    Kind,
    Output,
    Progress,
    Receipt,
    Rendering,
    Status,
    SuperResolution,
    TextToImage,
    Value,
)


class OutputResponse(BaseModel):
    """One picture of a job."""

    id: str = Field(description="For `GET /v1/images/{id}`.")
    url: str
    width: int
    height: int
    seed: int
    content_type: str


class PictureSize(Value):
    """A picture of the request, of which no more than its size is told."""

    width: int
    height: int


class InpaintingInput(Drawing):
    """An inpainting request with every default filled in."""

    image: PictureSize
    mask: PictureSize
    feather: int
    paste_back: bool


class SuperResolutionInput(Rendering):
    """A super-resolution request with every default filled in; width and height are those of the result."""

    image: PictureSize
    scale: int


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
    input: TextToImage | InpaintingInput | SuperResolutionInput = Field(
        description="The request with every default filled in."
    )
    outputs: list[OutputResponse]
    error: JobError | None
    receipt: Receipt | None = Field(description="Where the time went.")
    urls: JobUrls
    metadata: dict[str, JsonValue]


class ModelLimits(BaseModel):
    """The most that a model can be asked for; sizes are of the pictures that it makes, in pixels."""

    size_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    max_num_images: int
    max_guidance_scale: float | None = Field(description="Null for a model that takes no prompt.")


class ModelDefaults(BaseModel):
    """What a model takes for what a request leaves out; null for what it is never asked."""

    width: int | None
    height: int | None
    sampler: str
    guidance_scale: float | None


class ModelResponse(BaseModel):
    """A model, in the shape of OpenAI's list with what it can do."""

    id: str
    object: Literal["model"] = "model"
    owned_by: str = "kandinsky"
    kinds: list[Kind]
    scales: list[int] = Field(description="By how much it enlarges a picture; empty for one that draws.")
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
        "input": _show_input(job.input),
        "queue_position": queue_position,
        "outputs": [output_response(job.id, output, base_url) for output in job.outputs],
        "urls": JobUrls(self=url, events=f"{url}/events", cancel=f"{url}/cancel"),
    }
    return JobResponse.model_validate(shown)


def _show_input(wanted: Rendering) -> BaseModel:
    """The request without the keys of its pictures, which are nobody's but ours."""
    fields: dict[str, Any] = dict(wanted)
    match wanted:
        case Inpainting(width=width, height=height):
            size = PictureSize(width=width, height=height)
            return InpaintingInput(**{**fields, "image": size, "mask": size})
        case SuperResolution(width=width, height=height, scale=scale):
            size = PictureSize(width=width // scale, height=height // scale)
            return SuperResolutionInput(**{**fields, "image": size})
        case _:
            return wanted


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
        scales=list(card.scales),
        limits=ModelLimits(**limits),
        defaults=ModelDefaults(**defaults),
        samplers=list(card.samplers),
        workers=[worker.id for worker in workers if card.id in worker.models],
    )
