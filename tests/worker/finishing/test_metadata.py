"""The parameters in a picture, read by Pillow."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from tests.worker.conftest import MakeJob
from tests.worker.stages import inpainting, super_resolution, text_to_image
from worker.engine.sample import Pixels
from worker.finishing.metadata import Parameters, exif_of, parameters_of, with_text
from worker.jobs.stages import OutputFormat
from worker.pictures import encode_picture


def read_png(content: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        assert isinstance(picture.info["parameters"], str)
        return dict(json.loads(picture.info["parameters"]))


@pytest.fixture
def parameters(make_job: MakeJob) -> Parameters:
    return parameters_of(make_job(), 1)


def test_the_parameters_are_those_of_the_request(make_job: MakeJob) -> None:
    told = parameters_of(make_job(text_to_image(style="anime", steps=9)), 1)
    assert told["prompt"] == "рыжий кот, 3d style"
    assert (told["model"], told["seed"], told["index"], told["steps"]) == ("tiny", 7, 1, 9)
    assert (told["width"], told["height"], told["sampler"], told["style"]) == (64, 64, "ddpm", "anime")


def test_the_parameters_tell_what_a_language_model_said(make_job: MakeJob) -> None:
    assert parameters_of(make_job(text="a splendid cat"), 0)["text"] == "a splendid cat"


def test_the_parameters_tell_all_stages(make_job: MakeJob) -> None:
    job = make_job(stages=(text_to_image(), super_resolution(image=None)), stage_index=1)
    assert parameters_of(job, 0)["stages"] == [
        {"kind": "text-to-image", "model": "tiny"},
        {"kind": "super-resolution", "model": "tiny-x4"},
    ]


def test_the_parameters_keep_places_to_themselves(make_job: MakeJob) -> None:
    told = json.dumps(parameters_of(make_job(inpainting(image="secret/place.png"), owner="key-1"), 0))
    assert "secret" not in told
    assert "key-1" not in told


def test_equal_requests_have_equal_parameters(make_job: MakeJob) -> None:
    assert parameters_of(make_job(), 0) == parameters_of(make_job(), 0)


def test_a_png_has_the_parameters_and_all_its_pixels(pixels: Pixels, parameters: Parameters) -> None:
    content = with_text(encode_picture(pixels, OutputFormat.PNG, 90), parameters)
    assert read_png(content) == parameters
    with Image.open(io.BytesIO(content)) as picture:
        assert np.array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize("output_format", [OutputFormat.WEBP, OutputFormat.JPEG])
def test_a_lossy_picture_has_the_parameters(
    pixels: Pixels, parameters: Parameters, output_format: OutputFormat
) -> None:
    content = encode_picture(pixels, output_format, 90, exif_of(parameters))
    with Image.open(io.BytesIO(content)) as picture:
        exif = picture.getexif()
    comment = exif.get_ifd(IFD.Exif)[Base.UserComment]
    assert json.loads(comment.removeprefix(b"ASCII\0\0\0")) == parameters
    assert exif[Base.Software] == parameters["software"]


def test_parameters_that_are_too_long_for_exif_are_left_out() -> None:
    assert exif_of({"prompt": "x" * 65_000}) == b""
