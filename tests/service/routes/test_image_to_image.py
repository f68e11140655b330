"""POST /v1/image-to-image."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from redis import Redis

from tests.pictures import as_text, encoded, png
from tests.service.conftest import FakeWorker
from worker.jobs.queue import waiting
from worker.jobs.stages import ImageToImage
from worker.jobs.store import JobStore

pytestmark = pytest.mark.usefixtures("family")

PATH = "/v1/image-to-image"
BODY = {"prompt": "a green apple", "image": png(192, 128)}
Transform = Callable[..., dict[str, Any]]


@pytest.fixture
def transform(http: httpx.Client) -> Transform:
    """Asks for a picture to be drawn again, and gives the job."""

    def transform(**fields: object) -> dict[str, Any]:
        response = http.post(PATH, json={**BODY, **fields})
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    return transform


def test_a_picture_becomes_a_queued_job(transform: Transform, redis: Redis) -> None:
    job = transform(seed=7)
    assert (job["status"], job["kind"], job["stages"]) == (
        "queued",
        "image-to-image",
        [{"kind": "image-to-image", "model": "artist"}],
    )
    assert job["input"] == {
        "kind": "image-to-image",
        "prompt": "a green apple",
        "style": None,
        "template": "{prompt}",
        "negative_prompt": None,
        "model": "artist",
        "image": {"width": 192, "height": 128},
        "strength": 0.3,
        "width": 192,
        "height": 128,
        "num_images": 1,
        "steps": 25,
        "guidance_scale": 3.0,
        "sampler": "ddpm",
        "seed": 7,
        "output_format": "png",
        "output_quality": 90,
    }
    assert waiting(redis, "images.artist") == {job["id"]}


@pytest.mark.parametrize(
    ("size", "fields", "drawn"),
    [
        ((192, 128), {}, (192, 128)),
        ((1920, 1080), {}, (704, 384)),
        ((30, 30), {}, (512, 512)),
        ((1000, 500), {"width": 256}, (256, 128)),
        ((1000, 500), {"height": 256}, (512, 256)),
        ((1000, 500), {"width": 128, "height": 192}, (128, 192)),
        ((1000, 500), {"aspect_ratio": "1:1"}, (512, 512)),
    ],
)
def test_the_picture_is_brought_to_the_size_that_is_drawn(
    transform: Transform,
    store: JobStore,
    worker: FakeWorker,
    size: tuple[int, int],
    fields: dict[str, object],
    drawn: tuple[int, int],
) -> None:
    wanted = store.get(transform(image=png(*size), **fields)["id"]).input
    assert isinstance(wanted, ImageToImage)
    stored = Image.open(BytesIO(worker.images.get(wanted.image)))
    assert (wanted.width, wanted.height) == drawn
    assert (stored.format, stored.mode, stored.size) == ("PNG", "RGB", drawn)


def test_a_picture_that_exif_turns_is_stored_upright_without_exif(
    transform: Transform, store: JobStore, worker: FakeWorker
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = as_text(encoded(Image.new("RGB", (192, 128)), "JPEG", exif=exif))
    wanted = store.get(transform(image=picture)["id"]).input
    assert isinstance(wanted, ImageToImage)
    stored = Image.open(BytesIO(worker.images.get(wanted.image)))
    assert (stored.size, dict(stored.getexif())) == ((128, 192), {})


@pytest.mark.parametrize("strength", [0.01, 1, 1.0])
def test_the_strength_can_be_chosen(transform: Transform, strength: float) -> None:
    assert transform(strength=strength)["input"]["strength"] == strength


@pytest.mark.parametrize(
    ("fields", "param", "said", "code"),
    [
        ({"prompt": ""}, "prompt", "at least 1 character", "invalid_request"),
        ({"strength": 0}, "strength", "greater than 0, got 0", "invalid_request"),
        ({"strength": 1.5}, "strength", "less than or equal to 1, got 1.5", "invalid_request"),
        ({"strength": "1"}, "strength", "number, got '1'", "invalid_request"),
        ({"width": 100}, "width", "between 128 and 1024 for model artist, got 100", "invalid_request"),
        ({"width": 200}, "width", "a multiple of 64 for model artist, got 200", "invalid_request"),
        ({"model": "tiny"}, "model", "one of artist, fast for image-to-image", "invalid_request"),
        ({"mask": png(192, 128)}, "mask", "not a field", "invalid_request"),
        ({"style": "baroque"}, "style", "one of digital-image", "invalid_request"),
        ({"image": "no picture"}, "image", "base64", "invalid_image"),
        ({"image": "data:image/png;base64,UEsDBAoAAAAA"}, "image", "begins with b'PK", "invalid_image"),
        ({"image": png(4097, 4096)}, "image", "at most 16777216 pixels, got 4097x4096", "invalid_image"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_limit(
    http: httpx.Client, fields: dict[str, object], param: str, said: str, code: str
) -> None:
    response = http.post(PATH, json={**BODY, **fields})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, code, param)
    assert error["message"].startswith(param)
    assert said in error["message"]
