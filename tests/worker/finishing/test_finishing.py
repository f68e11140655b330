"""A picture on its way from pixels to a file: what is done to it, and in which order."""

import io
import json
from dataclasses import replace

import c2pa
import numpy as np
import pytest
from imwatermark import WatermarkDecoder
from PIL import Image
from PIL.ExifTags import IFD

from tests.worker.conftest import MakeJob
from tests.worker.finishing.certificates import write_certificates
from tests.worker.finishing.filters import RedFilter
from tests.worker.stages import text_to_image
from worker.engine.sample import Pixels
from worker.finishing.blurhash import blurhash
from worker.finishing.credentials import load_credentials
from worker.finishing.finishing import PLAIN, Finishing
from worker.finishing.rules import ContentRules, obscure
from worker.finishing.watermark import Watermark
from worker.jobs.job import Job
from worker.jobs.stages import OutputFormat
from worker.pictures import encode_picture


@pytest.fixture
def job(make_job: MakeJob) -> Job:
    return make_job()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Finishing:
    files = write_certificates(tmp_path_factory.mktemp("certificates"))
    rules = ContentRules(picture_filter=RedFilter(), threshold=0.9)
    return Finishing(rules, Watermark("kandinsky"), credentials=load_credentials(*files))


def decode(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_plain_picture_keeps_its_pixels(job: Job, pixels: Pixels) -> None:
    finished = PLAIN.finish(job, 0, pixels)
    assert np.array_equal(decode(finished.content), pixels)
    assert (finished.width, finished.height, finished.censored) == (400, 320, False)
    assert finished.blurhash == blurhash(pixels)


@pytest.mark.parametrize("output_format", OutputFormat)
def test_without_metadata_a_file_is_nothing_but_its_picture(
    make_job: MakeJob, pixels: Pixels, output_format: OutputFormat
) -> None:
    job = make_job(text_to_image(output_format=output_format, output_quality=70))
    finished = replace(PLAIN, metadata=False).finish(job, 0, pixels)
    assert finished.content == encode_picture(pixels, output_format, 70)


@pytest.mark.parametrize("output_format", OutputFormat)
def test_a_picture_carries_all_at_once(
    everything: Finishing, make_job: MakeJob, pixels: Pixels, output_format: OutputFormat
) -> None:
    job = make_job(text_to_image(output_format=output_format))
    content = everything.finish(job, 1, pixels).content
    with c2pa.Reader(output_format.content_type, io.BytesIO(content), context=c2pa.Context()) as reader:
        assert reader.get_validation_state() == "Valid"
    assert parameters(content)["index"] == 1
    decoder = WatermarkDecoder("bytes", 8 * len("kandinsky"))
    assert decoder.decode(np.ascontiguousarray(decode(content)[..., ::-1]), "dwtDctSvd") == b"kandinsky"


def test_a_censored_picture_is_obscured_everywhere(everything: Finishing, job: Job, pixels: Pixels) -> None:
    red = np.maximum(pixels, np.array([255, 0, 0], np.uint8))
    finished = everything.finish(job, 0, red)
    assert finished.censored
    assert finished.blurhash == blurhash(obscure(red))
    assert np.abs(decode(finished.content).astype(int) - obscure(red)).max() <= 16


def parameters(content: bytes) -> dict[str, object]:
    with Image.open(io.BytesIO(content)) as picture:
        if picture.format == "PNG":
            picture.load()
            return dict(json.loads(picture.info["parameters"]))
        [comment] = picture.getexif().get_ifd(IFD.Exif).values()
        return dict(json.loads(comment.removeprefix(b"ASCII\0\0\0")))
