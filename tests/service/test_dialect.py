"""Routes that speak the API of another service."""

import threading
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from anyio import CapacityLimiter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.types import Message

from service.access.callers import ANYBODY
from service.bodies.reading import SMALL_BYTES
from service.dependencies import Gateway
from service.dialect import DialectBody, build
from service.settings import GatewaySettings
from tests.service.conftest import serving


class Told(BaseModel):
    """What is asked for in a dialect."""

    n: int = Field(default=1, le=4)


class Watched(BaseModel):
    """What tells which thread reads it."""

    thread: int


async def read_form(size: int) -> Watched:
    """What is read from a form of so many characters."""
    body = b'--x\r\nContent-Disposition: form-data; name="params"\r\n\r\n' + b"a" * size + b"\r\n--x--\r\n"

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    gateway = cast(Gateway, SimpleNamespace(readers=CapacityLimiter(1)))
    watched = DialectBody(Watched, lambda _: {"thread": threading.get_ident()})
    return await watched(Request({"type": "http", "headers": headers}, receive), gateway, ANYBODY)


@pytest.mark.parametrize(("size", "is_here"), [(100, True), (SMALL_BYTES, False)])
async def test_a_large_form_is_read_apart_from_everything_else(size: int, is_here: bool) -> None:
    assert ((await read_form(size)).thread == threading.get_ident()) is is_here


def test_what_is_none_was_left_out() -> None:
    assert build(Told, {"n": None}) == Told()


def test_a_fault_is_told_as_one_of_the_body() -> None:
    with pytest.raises(RequestValidationError) as caught:
        build(Told, {"n": 5})
    assert caught.value.errors()[0]["loc"] == ("body", "n")


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/edits", "/key/api/v1/pipeline/run"])
def test_no_dialect_is_said_to_answer_422(http: httpx.Client, path: str) -> None:
    route = http.get("/openapi.json").json()["paths"][path]["post"]
    assert "422" not in route["responses"]
    assert "400" in route["responses"]
    assert route["requestBody"]["required"] is True


@pytest.mark.parametrize(
    ("path", "heeded"),
    [("/v1/text-to-image", True), ("/v1/images/generations", False), ("/key/api/v1/pipeline/run", False)],
)
def test_only_routes_that_heed_prefer_tell_of_it(http: httpx.Client, path: str, heeded: bool) -> None:
    route = http.get("/openapi.json").json()["paths"][path]["post"]
    assert ("prefer" in {parameter["name"] for parameter in route["parameters"]}) is heeded


def test_a_header_that_is_wrong_is_400_too(http: httpx.Client) -> None:
    headers = {"X-Cancel-On-Disconnect": "perhaps"}
    refused = http.post("/v1/images/generations", json={"prompt": "a cat"}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "x-cancel-on-disconnect")


def test_a_body_of_another_type_is_415(http: httpx.Client) -> None:
    refused = http.post("/v1/images/generations", data={"prompt": "a cat"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(("path", "allowed"), [("/v1/jobs/x", "DELETE, GET"), ("/v1/images/edits", "POST")])
def test_a_method_that_is_not_taken_names_all_that_are(http: httpx.Client, path: str, allowed: str) -> None:
    refused = http.put(path)
    assert (refused.status_code, refused.headers["Allow"]) == (405, allowed)


def test_errors_of_an_event_stream_are_described_as_json(http: httpx.Client) -> None:
    responses = http.get("/openapi.json").json()["paths"]["/v1/jobs/{job_id}/events"]["get"]["responses"]
    assert list(responses["404"]["content"]) == ["application/json"]


def test_a_page_may_use_the_client_of_openai(valkey_url: str, session_images: str) -> None:
    preflight = {
        "Origin": "https://studio.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os,x-stainless-retry-count",
    }
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, cors_origins="*")
    with serving(settings) as url:
        answer = httpx.options(f"{url}/v1/images/generations", headers=preflight, trust_env=False)
    assert answer.status_code == 200, answer.text


def test_every_fault_is_told_by_its_name_there(http: httpx.Client) -> None:
    refused = http.post("/v1/images/generations", json={"prompt": "a cat", "size": "0x0"})
    listed = refused.json()["error"]["details"]["errors"]
    assert [error["param"] for error in listed] == ["size", "size"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/text-to-image", "prompt"),
        ("/v1/images/edits", "prompt"),
        ("/key/api/v1/pipeline/run", "pipeline_id"),
    ],
)
@pytest.mark.parametrize("file", [None, "text.txt"], ids=["field", "file"])
def test_text_in_another_encoding_is_refused(
    http: httpx.Client, path: str, field: str, file: str | None
) -> None:
    refused = http.post(path, files={field: (file, "кот".encode("cp1251"))})
    error = refused.json()["error"]
    assert (error["param"], error["message"]) == (
        field,
        f"{field} should be text in UTF-8, got bytes that are none",
    )
