"""What callers get."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from service.answers.inputs import Input, show_input
from service.planning.styles import Style
from worker.jobs.catalog import ModelCard, SamplerCard, WorkerCard
from worker.jobs.job import Delivery, Job, JobError, Output, Progress, Receipt, Status
from worker.jobs.stages import Kind


class OutputResponse(BaseModel):
    """One picture of a job."""

    id: str = Field(description="For `GET /v1/images/{id}`.")
    url: str
    width: int
    height: int
    seed: int
    content_type: str
    blurhash: str | None = Field(
        description="A few characters from which a blurred picture can be shown at once (https://blurha.sh)."
    )
    censored: bool = Field(description="Whether the picture filter has put something else in its place.")


class UploadResponse(BaseModel):
    """A picture that was uploaded."""

    id: str = Field(description="For `upload` of a picture in a request, and for `GET /v1/images/{id}`.")
    url: str
    width: int = Field(description="As the picture is seen, like the height.")
    height: int
    content_type: str
    size: int = Field(description="In bytes.")
    created_at: datetime
    expires_at: datetime = Field(description="When it is removed.")


class StageResponse(BaseModel):
    """One thing that is done for a job."""

    kind: Kind
    model: str = Field(description="Who does it.")


class ReceiptResponse(BaseModel):
    """Where the time of a job went, in milliseconds: the sums of its stages, and each of them."""

    queue_ms: float
    encode_ms: float
    denoise_ms: float
    decode_ms: float
    store_ms: float
    device: str = Field(description="This and what follows is of the stage that was asked for.")
    steps: int
    mean_batch_size: float
    attempts: int
    stages: list[Receipt]


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
    stage: Kind = Field(description="What is queued or running, or was the last to be.")
    stages: list[StageResponse] = Field(description="All that is done for it, in this order.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="When the record and the pictures are removed.")
    queue_position: int | None = Field(description="How many jobs are before this one; null unless queued.")
    estimated_wait_seconds: float | None = Field(
        description="How long until its present stage starts, by how fast its queue was served lately; null "
        "unless queued, and while nothing is known of the queue."
    )
    progress: Progress | None
    input: Annotated[Input, Field(discriminator="kind")] = Field(
        description="The request with every default filled in."
    )
    text: str | None = Field(description="What a language model has made of the prompt.")
    outputs: list[OutputResponse]
    warnings: list[str] = Field(description="What went otherwise than asked for, though the job went on.")
    error: JobError | None
    receipt: ReceiptResponse | None = Field(description="Where the time went.")
    deliveries: list[Delivery] = Field(
        description="What its webhook was told, or could not be: the last 50 attempts, oldest first."
    )
    urls: JobUrls
    metadata: dict[str, JsonValue]


class JobList(BaseModel):
    """Some jobs of a caller, newest first."""

    object: Literal["list"] = "list"
    data: list[JobResponse]
    has_more: bool = Field(description="Whether there may be more after these.")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")


class QueueResponse(BaseModel):
    """How busy those are who do one kind of thing with one model."""

    kind: Kind
    model: str
    queue: str = Field(description="Where jobs wait for it; what other kinds share has the same figures.")
    depth: int = Field(description="How many jobs wait.")
    running: int = Field(description="How many are worked on.")
    capacity: int = Field(description="How many its workers hold at a time, of all their queues.")
    rate_per_minute: float | None = Field(
        description="How many are started a minute while jobs wait; null while nothing is known of it."
    )
    estimated_wait_seconds: float | None = Field(
        description="How long a job would wait that is sent now, at the highest priority that you may ask "
        "for; null while nothing is known of it."
    )


class QueueList(BaseModel):
    """The queues of all models that workers have announced."""

    object: Literal["list"] = "list"
    data: list[QueueResponse]


class ModelLimits(BaseModel):
    """The most that a model can be asked for; sizes are of the pictures that it makes, in pixels."""

    size_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    max_num_images: int
    max_guidance_scale: float | None = Field(description="Null for a model that takes no prompt.")
    max_outpainted_side: int = Field(description="Of outpainting; 0 for a model that does not do it.")


class ModelDefaults(BaseModel):
    """What a model takes for what a request leaves out; null for what it is never asked."""

    width: int | None
    height: int | None
    sampler: str | None
    guidance_scale: float | None
    strength: float | None


class ModelResponse(BaseModel):
    """A model, in the shape of OpenAI's list with what it can do."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(default=0, description="Always 0: clients of OpenAI expect the field.")
    owned_by: str = "kandinsky"
    kinds: list[Kind]
    scales: list[int] = Field(description="By how much it enlarges a picture; empty for one that draws.")
    encoder: str | None = Field(description="The model that reads its prompts, if it does not do so itself.")
    limits: ModelLimits
    defaults: ModelDefaults
    samplers: list[SamplerCard]
    workers: list[str] = Field(description="Who serves it now; empty when nobody does.")


class ModelList(BaseModel):
    """All models that workers have announced."""

    object: Literal["list"] = "list"
    data: list[ModelResponse]


class StyleList(BaseModel):
    """All styles that a prompt can be put in."""

    object: Literal["list"] = "list"
    data: list[Style]


class Health(BaseModel):
    """The state of the gateway, or of each part that it needs."""

    status: Literal["ok"] = "ok"
    parts: dict[str, str] = {}


def job_response(
    job: Job,
    url: str,
    outputs: Sequence[OutputResponse],
    queue_position: int | None,
    estimated_wait_seconds: float | None,
) -> JobResponse:
    """What the owner of the job at `url` sees."""
    shown = {
        **dict(job),
        "stage": job.stage.kind,
        "stages": [StageResponse(kind=stage.kind, model=stage.model) for stage in job.stages],
        "input": show_input(job.input),
        "queue_position": queue_position,
        "estimated_wait_seconds": estimated_wait_seconds,
        "outputs": outputs,
        "receipt": receipt_response(job),
        "urls": JobUrls(self=url, events=f"{url}/events", cancel=f"{url}/cancel"),
    }
    return JobResponse.model_validate(shown)


def receipt_response(job: Job) -> ReceiptResponse | None:
    """What the stages that have ended took; None until the one that was asked for has."""
    asked = next((receipt for receipt in job.receipts if receipt.stage is job.kind), None)
    if asked is None:
        return None
    sums = {
        name: round(sum(getattr(receipt, name) for receipt in job.receipts), 1)
        for name in ReceiptResponse.model_fields
        if name.endswith("_ms")
    }
    return ReceiptResponse(**{**asked.model_dump(exclude={"stage"}), **sums, "stages": job.receipts})


def output_response(image_id: str, output: Output, url: str) -> OutputResponse:
    """What the owner of a job sees of its picture at `url`."""
    return OutputResponse(
        id=image_id,
        url=url,
        width=output.width,
        height=output.height,
        seed=output.seed,
        content_type=output.content_type,
        blurhash=output.blurhash,
        censored=output.censored,
    )


def model_response(card: ModelCard, workers: Iterable[WorkerCard]) -> ModelResponse:
    """What callers see of a model."""
    limits = {name: getattr(card, name) for name in ModelLimits.model_fields}
    defaults = {name: getattr(card, f"default_{name}") for name in ModelDefaults.model_fields}
    return ModelResponse(
        id=card.id,
        kinds=list(card.kinds),
        scales=list(card.scales),
        encoder=card.encoder,
        limits=ModelLimits(**limits),
        defaults=ModelDefaults(**defaults),
        samplers=list(card.samplers),
        workers=[worker.id for worker in workers if card.id in worker.models],
    )
