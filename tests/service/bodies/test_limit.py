"""What a body may cost: bytes, values, time and memory."""

import asyncio
import random
import socket
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from redis import Redis
from starlette.types import Message, Receive, Scope, Send

from service.bodies.limit import BodyLimit
from service.settings import MIB, GatewaySettings
from tests.pictures import encoded, png
from tests.polling import until
from tests.service.conftest import TIMEOUT_SECONDS, serving
from worker.jobs.catalog import Catalog
from worker.jobs.keys import KeyStore

LIMIT = GatewaySettings.model_fields["max_body_bytes"].default


def _pieces() -> Iterator[bytes]:
    for _ in range(5):
        yield b" " * (LIMIT // 4)


@pytest.mark.parametrize("content", [b" " * (LIMIT + 1), _pieces()], ids=["announced", "in pieces"])
def test_a_body_above_the_limit_is_413(http: httpx.Client, content: bytes | Iterator[bytes]) -> None:
    headers = {"Content-Type": "application/json"}
    response = http.post("/v1/text-to-image", content=content, headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (413, "payload_too_large")
    assert f"at most {LIMIT} bytes" in error["message"]
    assert "X-Request-ID" in response.headers


@pytest.mark.parametrize(
    "content",
    [b'{"prompt": [' + b"1," * 20_001, b"[" * 20_001, b'{"a":' * 20_001],
    ids=["values", "lists", "objects"],
)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_body_of_too_many_values_is_413(http: httpx.Client, content: bytes, in_pieces: bool) -> None:
    middle = len(content) // 2
    body = iter([content[:middle], content[middle:]]) if in_pieces else content
    headers = {"Content-Type": "application/json"}
    response = http.post("/v1/text-to-image", content=body, headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (413, "payload_too_large")
    assert "at most 20000 commas and brackets" in error["message"]


def test_a_body_of_the_limit_is_read(http: httpx.Client) -> None:
    content = b'{"prompt": "x"' + b" " * (LIMIT - 15) + b"}"
    headers = {"Content-Type": "application/json"}
    assert http.post("/v1/text-to-image", content=content, headers=headers).status_code == 202


@contextmanager
def half_sent(
    url: str, path: str, content_type: str, body: bytes = b"{", length: int = 1000, token: str = "none"
) -> Iterator[socket.socket]:
    """A request of which the body has only begun."""
    host, port = urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n"
        head += f"Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode() + body)
        yield connection


def test_a_body_that_does_not_go_on_is_408(valkey_url: str, tmp_path: Path) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path), body_timeout_seconds=0.2)
    with serving(settings) as url, half_sent(url, "/v1/text-to-image", "application/json") as connection:
        answer = connection.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"should come within 0.2 seconds" in answer
        # The rest of the body is not waited for either.
        assert connection.recv(1) == b""


@pytest.mark.parametrize("sent_fast", [1, 2_000_000], ids=["all of it", "the rest of it"])
def test_a_body_that_drips_is_408(valkey_url: str, tmp_path: Path, sent_fast: int) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path), body_timeout_seconds=1)
    with (
        serving(settings) as url,
        half_sent(
            url, "/v1/text-to-image", "application/json", body=b" " * sent_fast, length=sent_fast + 1000
        ) as connection,
    ):
        connection.settimeout(0.05)

        def is_answered() -> bool:
            connection.sendall(b" ")
            with suppress(TimeoutError):
                return connection.recv(10_000).startswith(b"HTTP/1.1 408 ")
            return False

        until(is_answered)


async def test_time_that_we_take_ourselves_does_not_count() -> None:
    pieces = iter([b"first", b"last"])

    async def receive() -> Message:
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.2)
        assert (await receive())["body"] == b"last"

    limit = BodyLimit(app, GatewaySettings(body_timeout_seconds=0.1))
    await limit({"type": "http", "headers": []}, receive, _unanswered)
    assert limit.held_bytes.total() == 0


async def _unanswered(message: Message) -> None:
    raise AssertionError(message)


def test_bodies_fill_no_more_memory_than_they_may(valkey_url: str, tmp_path: Path, catalog: Catalog) -> None:
    settings = GatewaySettings(
        redis_url=valkey_url, images_url=str(tmp_path), max_body_bytes=1000, max_bodies_bytes=1000
    )
    apple = {"prompt": "a red apple"}
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as http:

        def status() -> int:
            return http.post("/v1/text-to-image", json=apple).status_code

        with half_sent(url, "/v1/text-to-image", "application/json", body=b" " * 990):
            until(lambda: status() == 503)
            error = http.post("/v1/text-to-image", json=apple)
            assert (error.json()["error"]["code"], error.headers["Retry-After"]) == ("unavailable", "2")
        until(lambda: status() == 202)


def test_one_key_leaves_memory_to_others(
    valkey_url: str, tmp_path: Path, catalog: Catalog, redis: Redis
) -> None:
    settings = GatewaySettings(
        redis_url=valkey_url, images_url=str(tmp_path), auth="keys", max_body_bytes=600, max_bodies_bytes=1000
    )
    ann, bob = (KeyStore(redis).create(name)[1] for name in ("ann", "bob"))
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as http:

        def status(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            return http.post("/v1/text-to-image", json={"prompt": "an apple"}, headers=headers).status_code

        with half_sent(url, "/v1/text-to-image", "application/json", body=b" " * 599, length=600, token=ann):
            # Once this is answered the half is read, which would else be refused beside ann's next.
            assert status(bob) == 202
            until(lambda: status(ann) == 503)
            assert status(bob) == 202


def test_an_upload_takes_up_little_memory(valkey_url: str, tmp_path: Path, catalog: Catalog) -> None:
    mebibytes = {"max_body_bytes": 2 * MIB, "max_bodies_bytes": 2 * MIB}
    settings = GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path), **mebibytes)
    content = encoded(Image.frombytes("RGB", (700, 700), random.Random(1).randbytes(3 * 700 * 700)))
    headers = {"Content-Type": "image/png"}
    with (
        serving(settings) as url,
        half_sent(url, "/v1/text-to-image", "application/json", body=b" " * MIB, length=MIB + 1),
    ):
        response = httpx.post(f"{url}/v1/images", content=content, headers=headers, trust_env=False)
    assert response.status_code == 201, response.text


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/v1/image-to-image", "application/json"),
        ("/v1/image-to-image", "multipart/form-data; boundary=x"),
        ("/v1/images", "image/png"),
        ("/v1/images", "multipart/form-data; boundary=x"),
    ],
)
def test_slow_callers_hold_no_thread(http: httpx.Client, path: str, content_type: str) -> None:
    url = str(http.base_url)
    with ExitStack() as stack:
        # More than there are threads for requests, let alone for pictures.
        for _ in range(60):
            stack.enter_context(half_sent(url, path, content_type, body=b"--x\r\n"))
        assert http.get("/v1/models").status_code == 200
        assert http.post("/v1/images", files={"image": b64decode(png(8, 8))}).status_code == 201
