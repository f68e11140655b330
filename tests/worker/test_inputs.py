"""The pictures that a job comes with, and what becomes of them."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.worker.conftest import MakeJob
from worker.engine.handle import SampleFailed
from worker.inputs import read_inputs, retouch
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Kind, OutputFormat
from worker.pictures import encode_picture

MakeInpainting = Callable[..., Job]
PICTURE, DRAWN = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 200, np.uint8)
MASK = np.pad(np.full((64, 32), 255, np.uint8), ((0, 0), (0, 32)))


@pytest.fixture
def make_inpainting(make_job: MakeJob) -> MakeInpainting:
    """Makes a job on a picture of 64 x 64; keywords set fields of its input."""

    def make(**fields: object) -> Job:
        wanted = {**make_job().input.model_dump(), "image": "image.png", "mask": "mask.png", **fields}
        return make_job(kind=Kind.INPAINTING, input=wanted)

    return make


def test_nothing_is_read_for_a_prompt(make_job: MakeJob, images_url: str) -> None:
    assert read_inputs(make_job(), ImageStore(images_url)) == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "mask is no PNG that can be read"),
        (encode_picture(PICTURE, OutputFormat.PNG, 90), "mask is RGB of 64 x 64, not L of 64 x 64"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(
    make_inpainting: MakeInpainting, images_url: str, content: bytes, says: str
) -> None:
    images = ImageStore(images_url)
    images.put("image.png", encode_picture(PICTURE, OutputFormat.PNG, 90), "image/png")
    images.put("mask.png", content, "image/png")
    with pytest.raises(SampleFailed, match=f"^{says}$") as caught:
        read_inputs(make_inpainting(), images)
    assert caught.value.code == "invalid_input"


def test_a_picture_of_a_prompt_stays_as_it_is_drawn(make_job: MakeJob) -> None:
    assert retouch(make_job(), (), DRAWN) is DRAWN


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [200, 200, 200, 100]),
        ({"feather": 1}, [200, 200, 150, 100]),
        ({"paste_back": False}, [200, 200, 200, 200]),
    ],
)
def test_what_is_drawn_is_pasted_back(
    make_inpainting: MakeInpainting, fields: dict[str, object], expected: list[int]
) -> None:
    made = retouch(make_inpainting(**fields), (PICTURE, MASK), DRAWN)
    assert made[0, [0, 30, 31, 32], 0].tolist() == expected
