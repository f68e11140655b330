"""What a stage works on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.worker.conftest import MakeJob
from tests.worker.stages import (
    encoding,
    image_to_image,
    inpainting,
    outpainting,
    refinement,
    super_resolution,
    text_to_image,
)
from worker.engine.handle import SampleFailed
from worker.inputs import read_inputs
from worker.jobs.image_keys import drawn_key, states_key
from worker.jobs.images import ImageStore
from worker.jobs.stages import OutputFormat, Stage
from worker.pictures import encode_picture

PICTURE = np.full((64, 64, 3), 100, np.uint8)


@pytest.fixture
def images(images_url: str) -> ImageStore:
    """A store that holds a picture of 64 x 64."""
    images = ImageStore(images_url)
    images.put("image.png", png(PICTURE), "image/png")
    return images


def png(picture: NDArray[np.uint8]) -> bytes:
    return encode_picture(picture, OutputFormat.PNG, 90)


def test_nothing_is_read_for_a_prompt(make_job: MakeJob, images: ImageStore) -> None:
    inputs = read_inputs(make_job(), images)
    assert (inputs.pictures, inputs.mask, inputs.states) == ((), None, None)


@pytest.mark.parametrize("stage", [image_to_image(), outpainting(left=8), super_resolution()])
def test_a_picture_is_read_at_its_size(make_job: MakeJob, images: ImageStore, stage: Stage) -> None:
    assert np.array_equal(read_inputs(make_job(stage), images).pictures, [PICTURE])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "mask is no PNG that can be read"),
        (png(PICTURE), "mask is RGB of 64 x 64, not L of 64 x 64"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(
    make_job: MakeJob, images: ImageStore, content: bytes, says: str
) -> None:
    images.put("mask.png", content, "image/png")
    with pytest.raises(SampleFailed, match=f"^{says}$") as caught:
        read_inputs(make_job(inpainting()), images)
    assert caught.value.code == "invalid_image"


@pytest.mark.parametrize("following", [super_resolution(image=None), refinement()])
def test_what_the_stage_before_has_drawn_is_read(
    make_job: MakeJob, images: ImageStore, following: Stage
) -> None:
    job = make_job(stages=(text_to_image(), following), stage_index=1)
    for index in range(2):
        images.put(drawn_key(job.id, 0, index), png(PICTURE + index), "image/png")
    assert np.array_equal(read_inputs(job, images).pictures, [PICTURE, PICTURE + 1])


def test_what_a_text_encoder_has_left_is_read(make_job: MakeJob, images: ImageStore) -> None:
    job = make_job(stages=(encoding(), text_to_image()), stage_index=1)
    images.put(states_key(job.id), b"states", "application/octet-stream")
    assert read_inputs(job, images).states == b"states"


def test_states_that_are_gone_fail_the_job(make_job: MakeJob, images: ImageStore) -> None:
    job = make_job(stages=(encoding(), text_to_image()), stage_index=1)
    with pytest.raises(SampleFailed, match="the encoded prompt has left the image store"):
        read_inputs(job, images)
