"""Bodies of requests for jobs: JSON and forms."""

import json
import re
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from anyio import CapacityLimiter
from PIL import Image
from pydantic import field_validator
from starlette.requests import Request
from starlette.types import Message

from service.access.callers import ANYBODY
from service.bodies.reading import SMALL_BYTES, RequestBody
from service.dependencies import Gateway
from service.requests import BeautificationRequest
from tests.pictures import encoded
from tests.polling import until
from tests.service.bodies.test_limit import half_sent
from tests.service.conftest import FakeWorker
from worker.jobs.image_keys import input_key

RED = encoded(Image.new("RGB", (128, 128), "red"))
HALF = Image.new("L", (128, 128))
HALF.paste(255, (0, 0, 64, 128))


class Watched(BeautificationRequest):
    """Tells in its metadata which thread reads it."""

    @field_validator("metadata", mode="before")
    @classmethod
    def _tell(cls, value: object) -> object:
        return {"thread": threading.get_ident()}


async def read(body: bytes) -> Watched:
    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    request = Request(
        {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}, receive
    )
    gateway = cast(Gateway, SimpleNamespace(readers=CapacityLimiter(1)))
    return await RequestBody(Watched)(request, gateway, ANYBODY)


@pytest.mark.parametrize(("size", "is_here"), [(100, True), (SMALL_BYTES + 100, False)])
async def test_large_json_is_read_apart_from_everything_else(size: int, is_here: bool) -> None:
    request = await read(json.dumps({"prompt": "x" * size, "metadata": {}}).encode())
    assert (request.metadata["thread"] == threading.get_ident()) is is_here


@pytest.mark.usefixtures("family")
def test_a_form_with_files_becomes_a_job(http: httpx.Client, worker: FakeWorker) -> None:
    response = http.post(
        "/v1/inpainting",
        data={"prompt": "a cat", "num_images": "2", "seed": "7", "metadata": '{"a": 1}'},
        files={"image": ("a.png", RED), "mask": ("b.png", encoded(HALF))},
    )
    assert response.status_code == 202, response.text
    job = response.json()
    assert (job["input"]["num_images"], job["input"]["seed"], job["metadata"]) == (2, 7, {"a": 1})
    for name in ("image", "mask"):
        assert worker.images.get(input_key(job["id"], name)).startswith(b"\x89PNG")


def test_a_form_without_files_becomes_a_job(http: httpx.Client) -> None:
    fields = {name: (None, value) for name, value in {"prompt": "a cat", "steps": "30"}.items()}
    assert http.post("/v1/text-to-image", files=fields).json()["input"]["steps"] == 30


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"style": "x"}, "prompt", "prompt is missing"),
        ({"prompt": "a", "steps": "many"}, "steps", "valid integer"),
        ({"prompt": "a", "colour": "red"}, "colour", "colour is not a field of this request"),
        ({"prompt": "a", "steps": "101"}, "steps", "at most 100 for sampler ddpm, got 101"),
    ],
)
def test_a_wrong_form_is_told_as_wrong_json_is(
    http: httpx.Client, fields: dict[str, str], param: str, said: str
) -> None:
    response = http.post("/v1/text-to-image", files={name: (None, text) for name, text in fields.items()})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", param)
    assert said in error["message"]


@pytest.mark.usefixtures("family")
def test_a_picture_of_a_job_goes_into_the_next(
    http: httpx.Client, worker: FakeWorker, submit: Callable[..., dict[str, str]]
) -> None:
    first = submit(model="artist")["id"]
    job = worker.run(first)
    worker.images.put(job.outputs[0].key, RED, "image/png")
    response = http.post("/v1/super-resolution", json={"image": {"job": first}, "scale": 4})
    assert response.status_code == 202, response.text
    assert response.json()["input"]["width"] == 4 * 128


def test_who_has_no_key_is_refused_before_the_body_is_read(keyed_url: str) -> None:
    with half_sent(keyed_url, "/v1/image-to-image", "application/json") as connection:
        assert connection.recv(10_000).startswith(b"HTTP/1.1 401 ")


def num_answers(http: httpx.Client, status: int) -> float:
    """How many requests have ended with a status so far."""
    counts = re.findall(
        rf'^kandinsky_http_requests_total.*status="{status}"}} (.+)$', http.get("/metrics").text, re.M
    )
    return sum(map(float, counts))


def test_a_caller_who_goes_away_breaks_nothing(http: httpx.Client) -> None:
    broken, left = num_answers(http, 500), num_answers(http, 499)
    with half_sent(str(http.base_url), "/v1/text-to-image", "application/json"):
        pass
    until(lambda: num_answers(http, 499) == left + 1)
    assert num_answers(http, 500) == broken
