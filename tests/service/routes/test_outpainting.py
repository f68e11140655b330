"""POST /v1/outpainting."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from redis import Redis

from tests.pictures import png
from tests.service.conftest import FakeWorker
from worker.jobs.queue import waiting
from worker.jobs.stages import Outpainting
from worker.jobs.store import JobStore

pytestmark = pytest.mark.usefixtures("family")

PATH = "/v1/outpainting"
BODY = {"prompt": "a red apple", "image": png(192, 128), "right": 64}
Extend = Callable[..., dict[str, Any]]


@pytest.fixture
def extend(http: httpx.Client) -> Extend:
    """Asks for a picture to be continued, and gives the job."""

    def extend(**fields: object) -> dict[str, Any]:
        response = http.post(PATH, json={**BODY, **fields})
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    return extend


def test_a_picture_and_its_margins_become_a_queued_job(extend: Extend, redis: Redis) -> None:
    job = extend(seed=7, top=5, feather=8)
    assert (job["status"], job["kind"]) == ("queued", "outpainting")
    assert job["input"] == {
        "kind": "outpainting",
        "prompt": "a red apple",
        "style": None,
        "template": "{prompt}",
        "negative_prompt": None,
        "model": "painter",
        "image": {"width": 192, "height": 128},
        "left": 0,
        "right": 64,
        "top": 5,
        "bottom": 0,
        "drawn_width": 256,
        "drawn_height": 192,
        "feather": 8,
        "width": 256,
        "height": 133,
        "num_images": 1,
        "steps": 25,
        "guidance_scale": 3.0,
        "sampler": "kandinsky",
        "seed": 7,
        "output_format": "png",
        "output_quality": 90,
    }
    assert waiting(redis, "images.painter") == {job["id"]}


def test_the_picture_lies_in_the_store_as_it_came(
    extend: Extend, store: JobStore, worker: FakeWorker
) -> None:
    wanted = store.get(extend(image=png(101, 67), right=100, bottom=100)["id"]).input
    assert isinstance(wanted, Outpainting)
    stored = Image.open(BytesIO(worker.images.get(wanted.image)))
    assert (stored.format, stored.mode, stored.size) == ("PNG", "RGB", (101, 67))


def test_what_cannot_be_drawn_at_once_is_drawn_in_windows(extend: Extend) -> None:
    wanted = extend(left=928, right=928, top=900, bottom=900)["input"]
    assert (wanted["width"], wanted["height"]) == (2048, 1928)
    assert (wanted["drawn_width"], wanted["drawn_height"]) == (512, 512)


@pytest.mark.parametrize(
    ("fields", "param", "said", "code"),
    [
        ({"right": 0}, "bottom", "above 0 when left, right and top are 0, got 0", "invalid_request"),
        ({"right": -1}, "right", "greater than or equal to 0, got -1", "invalid_request"),
        ({"top": 1.5}, "top", "integer", "invalid_request"),
        (
            {"left": 1000, "right": 1500},
            "right",
            "left and right should give image a width between 128 and 2048 for model painter, "
            "got 192 + 1000 + 1500 = 2692",
            "invalid_request",
        ),
        ({"bottom": 2000}, "bottom", "height between 128 and 2048", "invalid_request"),
        ({"image": png(192, 100)}, "top", "got 100 + 0 + 0 = 100", "invalid_request"),
        (
            {"image": png(2049, 128)},
            "image",
            "width of at most 2048 for model painter, got 2049",
            "invalid_image",
        ),
        (
            {"feather": 192},
            "feather",
            "at most 191 for image, whose width is 192, got 192",
            "invalid_request",
        ),
        ({"left": 1, "feather": 96}, "feather", "at most 95", "invalid_request"),
        ({"feather": 257}, "feather", "less than or equal to 256", "invalid_request"),
        ({"width": 256}, "width", "not a field", "invalid_request"),
        ({"upscale": 4, "right": 128}, "upscale", "between 128 and 1024 for model x4", "invalid_request"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_limit(
    http: httpx.Client, fields: dict[str, object], param: str, said: str, code: str
) -> None:
    response = http.post(PATH, json={**BODY, **fields})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, code, param)
    assert said in error["message"]
