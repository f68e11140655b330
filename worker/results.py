"""What a stage has made, stored where the next stage or the owner of the job finds it."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.engine.sample import Pixels
from worker.jobs.images import ImageStore, drawn_key, picture_key, states_key
from worker.jobs.job import Job, Output
from worker.jobs.stages import OutputFormat, Rendering
from worker.pictures import encode_picture

STATES_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Text:
    """What a language model has made of a prompt, and why it is the prompt itself, if it is."""

    text: str
    fallback: str | None = None


@dataclass(frozen=True)
class States:
    """Prompts as a text encoder has read them: the bytes of a safetensors file."""

    content: bytes


Made = Sequence[Pixels] | Text | States


@dataclass(frozen=True)
class Result:
    """What the record of a job is told of a stage that has ended."""

    outputs: tuple[Output, ...] = ()
    text: str | None = None
    warnings: tuple[str, ...] = ()


def store_result(job: Job, made: Made, images: ImageStore) -> Result:
    """Stores what the present stage of a job has made. Raises StoreUnavailable."""
    if isinstance(made, Text):
        fallback = made.fallback
        return Result(text=made.text, warnings=() if fallback is None else (f"beautify: {fallback}",))
    if isinstance(made, States):
        images.put(states_key(job.id), made.content, STATES_TYPE)
        return Result()
    if job.is_at_last_stage:
        return Result(tuple(_publish(job, index, pixels, images) for index, pixels in enumerate(made)))
    for index, pixels in enumerate(made):
        content = encode_picture(pixels, OutputFormat.PNG, quality=100)
        images.put(drawn_key(job.id, job.stage_index, index), content, OutputFormat.PNG.content_type)
    return Result()


def _publish(job: Job, index: int, pixels: Pixels, images: ImageStore) -> Output:
    stage = job.stage
    assert isinstance(stage, Rendering)
    output_format = stage.output_format
    height, width = pixels.shape[:2]
    output = Output(
        index=index,
        key=picture_key(job.id, index, output_format),
        width=width,
        height=height,
        seed=stage.seed,
        content_type=output_format.content_type,
    )
    content = encode_picture(pixels, output_format, stage.output_quality)
    images.put(output.key, content, output.content_type)
    return output
