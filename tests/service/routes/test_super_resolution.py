"""POST /v1/super-resolution."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.pictures import png
from tests.service.conftest import FakeWorker
from worker.jobs.image_keys import input_key
from worker.jobs.queue import waiting
from worker.jobs.stages import SuperResolution
from worker.jobs.store import JobStore

pytestmark = pytest.mark.usefixtures("family")

PATH = "/v1/super-resolution"
BODY = {"image": png(64, 48)}
Enlarge = Callable[..., dict[str, Any]]


@pytest.fixture
def enlarge(http: httpx.Client) -> Enlarge:
    """Asks for a picture to be made larger, and gives the job."""

    def enlarge(**fields: object) -> dict[str, Any]:
        response = http.post(PATH, json={**BODY, **fields})
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    return enlarge


def test_a_picture_becomes_a_queued_job(enlarge: Enlarge, redis: Redis, store: JobStore) -> None:
    job = enlarge(seed=7)
    assert (job["status"], job["kind"]) == ("queued", "super-resolution")
    assert job["input"] == {
        "kind": "super-resolution",
        "model": "x4",
        "image": {"width": 64, "height": 48},
        "scale": 4,
        "width": 256,
        "height": 192,
        "steps": 5,
        "seed": 7,
        "output_format": "png",
        "output_quality": 90,
    }
    assert waiting(redis, "superres.x4") == {job["id"]}
    wanted = store.get(job["id"]).input
    assert isinstance(wanted, SuperResolution)
    assert wanted.image == input_key(job["id"], "image")


@pytest.mark.parametrize(
    ("fields", "model", "scale"),
    [({}, "x4", 4), ({"scale": 4}, "x4", 4), ({"scale": 2}, "x2", 2), ({"model": "x2"}, "x2", 2)],
)
def test_the_scale_chooses_the_model_and_the_model_the_scale(
    enlarge: Enlarge, fields: dict[str, object], model: str, scale: int
) -> None:
    chosen = enlarge(image=png(64, 64), **fields)["input"]
    assert (chosen["model"], chosen["scale"]) == (model, scale)


def test_everything_can_be_chosen(enlarge: Enlarge) -> None:
    chosen = {"model": "x2", "scale": 2, "steps": 20, "output_format": "jpeg", "output_quality": 50}
    job = enlarge(image=png(65, 67), metadata={"order": 7}, **chosen)
    assert chosen.items() <= job["input"].items()
    assert (job["input"]["width"], job["input"]["height"], job["metadata"]) == (130, 134, {"order": 7})


def test_the_job_is_run_like_any_other(enlarge: Enlarge, http: httpx.Client, worker: FakeWorker) -> None:
    job_id = enlarge()["id"]
    worker.run(job_id)
    job = http.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["outputs"][0]["width"], job["outputs"][0]["height"]) == ("succeeded", 256, 192)


@pytest.mark.parametrize(
    ("fields", "param", "said", "code"),
    [
        ({"scale": 3}, "scale", "2 or 4, got 3", "invalid_request"),
        ({"scale": "4"}, "scale", "2 or 4, got '4'", "invalid_request"),
        ({"scale": 4, "model": "x2"}, "scale", "one of 2 for model x2, got 4", "invalid_request"),
        ({"model": "tiny"}, "model", "one of x2, x4 for super-resolution, got 'tiny'", "invalid_request"),
        ({"steps": 21}, "steps", "at most 20 for sampler dpmsolver++, got 21", "invalid_request"),
        ({"prompt": "a cat"}, "prompt", "not a field of this request", "invalid_request"),
        ({"num_images": 2}, "num_images", "not a field of this request", "invalid_request"),
        ({"image": "no picture"}, "image", "base64", "invalid_image"),
        (
            {"image": png(257, 64)},
            "image",
            "is 257x64, made 4 times as large: width should be between 128 and 1024 for model x4, got 1028",
            "invalid_image",
        ),
        (
            {"image": png(250, 200)},
            "image",
            "width x height should be at most 589824 pixels for model x4, got 1000x800 = 800000",
            "invalid_image",
        ),
        ({"image": png(31, 64)}, "image", "width should be between 128 and 1024", "invalid_image"),
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


def test_without_any_model_the_service_is_unavailable(http: httpx.Client, redis: Redis) -> None:
    redis.flushall()
    response = http.post(PATH, json=BODY)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_unavailable")
