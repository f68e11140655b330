"""What each stage of a job is told."""

from typing import Any

import pytest

from service.errors import InvalidRequest
from service.planning.composition import compose
from service.planning.plan import Plan
from service.planning.styles import Style
from service.requests import JobRequest, SuperResolutionRequest, TextToImageRequest
from tests.service.conftest import CARD, FLASH, READER, WRITER, X4
from worker.jobs.catalog import ModelCard
from worker.jobs.job import new_job_id
from worker.jobs.stages import (
    Beautification,
    Encoding,
    Kind,
    OutputFormat,
    Refinement,
    Stage,
    SuperResolution,
)

OIL = Style(name="oil", title="Oil", title_ru="Масло", template="oil of {prompt}", negative_prompt="photo")


def stages(request: JobRequest, models: dict[Kind, ModelCard], **fields: Any) -> dict[Kind, Stage]:
    plan = Plan(job_id=new_job_id(), request=request, models=models, seed=7, **fields)
    return {stage.kind: stage for stage in compose(plan)}


EVERYTHING = {
    Kind.BEAUTIFICATION: WRITER,
    Kind.ENCODING: READER,
    Kind.TEXT_TO_IMAGE: CARD,
    Kind.REFINEMENT: FLASH,
    Kind.SUPER_RESOLUTION: X4,
}
REQUEST = TextToImageRequest(
    prompt="a cat",
    negative_prompt="dog",
    beautify=True,
    refine=2,
    upscale=4,
    width=128,
    height=192,
    output_format=OutputFormat.WEBP,
)


def test_every_stage_is_told_what_it_needs() -> None:
    made = stages(REQUEST, EVERYTHING)
    assert list(made) == list(EVERYTHING)
    assert made[Kind.BEAUTIFICATION] == Beautification(prompt="a cat", model="writer", seed=7)
    assert made[Kind.ENCODING] == Encoding(prompt="a cat", negative_prompt="dog", model="reader")
    webp = {"seed": 7, "output_format": OutputFormat.WEBP}
    refined = {"width": 128, "height": 192, "steps": 2, **webp}
    assert made[Kind.REFINEMENT] == Refinement(prompt="a cat", model="fast", **refined)
    enlarged = {"width": 512, "height": 768, "steps": 5, "scale": 4, **webp}
    assert made[Kind.SUPER_RESOLUTION] == SuperResolution(model="x4", **enlarged)


def test_a_style_is_for_all_that_reads_the_prompt() -> None:
    made = stages(REQUEST, EVERYTHING, style=OIL)
    for kind in set(EVERYTHING) - {Kind.SUPER_RESOLUTION}:
        fields = made[kind].model_dump()
        assert (fields["prompt"], fields["style"], fields["template"]) == ("a cat", "oil", "oil of {prompt}")


@pytest.mark.parametrize(
    ("fields", "negative_prompt"),
    [
        ({}, "photo"),
        ({"negative_prompt": "dog"}, "dog, photo"),
        ({"negative_prompt": "dog", "sampler": "flash"}, "dog"),
        ({"sampler": "flash"}, None),
    ],
)
def test_the_negative_prompt_of_a_style_is_added_where_it_has_an_effect(
    fields: dict[str, Any], negative_prompt: str | None
) -> None:
    request = TextToImageRequest(prompt="a cat", **fields)
    made = stages(request, {Kind.TEXT_TO_IMAGE: CARD}, style=OIL)
    assert made[Kind.TEXT_TO_IMAGE].model_dump()["negative_prompt"] == negative_prompt


def test_what_is_enlarged_is_refined_without_a_prompt() -> None:
    models = {Kind.SUPER_RESOLUTION: X4, Kind.REFINEMENT: FLASH}
    made = stages(SuperResolutionRequest(image="x", refine=1), models, size=(100, 64))
    size = {"width": 400, "height": 256}
    assert made[Kind.REFINEMENT] == Refinement(prompt="", model="fast", seed=7, steps=1, **size)


def test_more_than_the_upscaler_makes_is_refused_at_once() -> None:
    request = TextToImageRequest(prompt="a cat", upscale=4, width=320)
    with pytest.raises(InvalidRequest) as caught:
        stages(request, {Kind.TEXT_TO_IMAGE: CARD, Kind.SUPER_RESOLUTION: X4})
    assert caught.value.param == "upscale"
    assert caught.value.message == (
        "upscale makes 1280x2048 of 320x512: width should be between 128 and 1024 for model x4, got 1280"
    )
