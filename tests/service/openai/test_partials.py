"""Which previews of a job a stream has."""

import base64
from io import BytesIO

import pytest
from PIL import Image

from service.openai.partials import PartialImages
from service.openai.requests import GenerationRequest
from tests.pictures import encoded
from worker.jobs.events import Event
from worker.jobs.job import Job, new_job_id
from worker.jobs.stages import Kind, OutputFormat, TextToImage

STEPS = 20
DRAWING = TextToImage(
    model="tiny",
    seed=0,
    output_format=OutputFormat.JPEG,
    width=512,
    height=256,
    steps=STEPS,
    prompt="a cat",
    num_images=1,
    guidance_scale=3,
    sampler="ddpm",
)
JOB = Job(id=new_job_id(), kind=Kind.TEXT_TO_IMAGE, stages=(DRAWING,))


def preview(step: int) -> Event:
    """A small picture as a worker sends it."""
    file = base64.b64encode(encoded(Image.new("RGB", (16, 8), "red"), "WEBP")).decode()
    return Event("1-0", "preview", {"step": step, "image": f"data:image/webp;base64,{file}"})


def partial_images(limit: int) -> PartialImages:
    asked = GenerationRequest(prompt="a cat", partial_images=limit)
    return PartialImages(asked, "image_generation", JOB)


@pytest.mark.parametrize(("limit", "chosen"), [(0, []), (1, [10]), (3, [5, 10, 15])])
def test_previews_are_spread_over_the_steps(limit: int, chosen: list[int]) -> None:
    partials = partial_images(limit)
    assert [step for step in range(1, STEPS) if partials.next(preview(step))] == chosen


def test_of_late_previews_each_is_taken_once() -> None:
    partials = partial_images(3)
    taken = [partials.next(preview(step)) for step in (17, 18, 19)]
    assert [event and event.partial_image_index for event in taken] == [0, 1, 2]


def test_a_preview_has_the_format_of_the_picture() -> None:
    event = partial_images(1).next(preview(STEPS))
    assert event is not None
    with Image.open(BytesIO(base64.b64decode(event.b64_json))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (16, 8))
    assert (event.type, event.size) == ("image_generation.partial_image", "512x256")
