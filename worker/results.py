"""What a stage has made, stored where the next stage or the owner of the job finds it."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.engine.handle import SampleFailed
from worker.engine.sample import Pixels
from worker.finishing.finishing import Finished, Finishing
from worker.jobs.image_keys import drawn_key, picture_key, states_key
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Output
from worker.jobs.stages import OutputFormat, Rendering
from worker.pictures import encode_picture

STATES_TYPE = "application/octet-stream"
#: What the owner of a job is told of a picture that is not shown.
CENSORED = "only its colors are left, as the content rules do not allow what was drawn"


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


def store_result(job: Job, made: Made, images: ImageStore, finishing: Finishing) -> Result:
    """Stores what the present stage of a job has made.

    Raises SampleFailed when the content rules allow none of it, and StoreUnavailable.
    """
    if isinstance(made, Text):
        finishing.rules.check_text(made.text)
        fallback = made.fallback
        return Result(text=made.text, warnings=() if fallback is None else (f"beautify: {fallback}",))
    if isinstance(made, States):
        images.put(states_key(job.id), made.content, STATES_TYPE)
        return Result()
    if job.is_at_last_stage:
        return _publish(
            job, [finishing.finish(job, index, pixels) for index, pixels in enumerate(made)], images
        )
    for index, pixels in enumerate(made):
        content = encode_picture(pixels, OutputFormat.PNG, quality=100)
        images.put(drawn_key(job.id, job.stage_index, index), content, OutputFormat.PNG.content_type)
    return Result()


def _publish(job: Job, pictures: Sequence[Finished], images: ImageStore) -> Result:
    """Stores finished pictures, also those of which only the colors are left, unless all are such."""
    censored = [index for index, picture in enumerate(pictures) if picture.censored]
    if len(censored) == len(pictures):
        raise SampleFailed("content_filtered", "what was drawn is not allowed by the content rules")
    outputs = tuple(_store(job, index, picture, images) for index, picture in enumerate(pictures))
    return Result(outputs, warnings=tuple(f"picture {index}: {CENSORED}" for index in censored))


def _store(job: Job, index: int, picture: Finished, images: ImageStore) -> Output:
    stage = job.stage
    assert isinstance(stage, Rendering)
    output_format = stage.output_format
    key = picture_key(job.id, index, output_format)
    images.put(key, picture.content, output_format.content_type)
    return Output(
        index=index,
        key=key,
        width=picture.width,
        height=picture.height,
        seed=stage.seed,
        content_type=output_format.content_type,
        blurhash=picture.blurhash,
        censored=picture.censored,
    )
