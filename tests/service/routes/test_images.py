"""GET /v1/images/{id}: bytes, caching and ranges."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.service.conftest import PICTURE, FakeWorker
from worker.jobs.images import ImageStore

Submit = Callable[..., dict[str, Any]]


@pytest.fixture
def url(submit: Submit, http: httpx.Client, worker: FakeWorker) -> str:
    """URL of a finished picture."""
    job_id = submit()["id"]
    worker.run(job_id)
    image: str = http.get(f"/v1/jobs/{job_id}").json()["outputs"][0]["url"]
    return image


def test_a_picture_comes_with_what_a_browser_needs(http: httpx.Client, url: str) -> None:
    response = http.get(url)
    image_id = url.rpartition("/")[2]
    assert (response.status_code, response.content) == (200, PICTURE)
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Cache-Control"] == "private, max-age=86400, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == f'inline; filename="{image_id}.png"'


@pytest.mark.parametrize(("output_format", "content_type"), [("webp", "image/webp"), ("jpeg", "image/jpeg")])
def test_the_content_type_is_that_of_the_format(
    submit: Submit, http: httpx.Client, worker: FakeWorker, output_format: str, content_type: str
) -> None:
    job_id = submit(output_format=output_format)["id"]
    worker.run(job_id)
    assert http.get(f"/v1/images/{job_id}-0").headers["Content-Type"] == content_type


def test_head_tells_the_size_without_the_bytes(http: httpx.Client, url: str) -> None:
    response = http.head(url)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(len(PICTURE))


def test_whoever_loads_a_picture_slowly_holds_no_thread(
    http: httpx.Client, submit: Submit, worker: FakeWorker
) -> None:
    job = worker.run(submit()["id"])
    # More than fits into the buffers of a connection.
    worker.images.put(job.outputs[0].key, bytes(20_000_000), "image/png")
    path, host = f"/v1/images/{job.id}-0", http.base_url.host
    with ExitStack() as stack:
        for _ in range(60):
            connection = stack.enter_context(socket.create_connection((host, http.base_url.port or 80)))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert http.get("/v1/models").status_code == 200
        assert http.get(path, headers={"Range": "bytes=0-0"}).content == b"\0"


def test_head_has_no_ranges(http: httpx.Client, url: str) -> None:
    response = http.head(url, headers={"Range": "bytes=0-1"})
    assert (response.status_code, response.headers["Content-Length"]) == (200, str(len(PICTURE)))


def test_what_a_browser_keeps_is_not_given_to_another_origin(http: httpx.Client, url: str) -> None:
    # An `<img>` sends no Origin, so that what comes says of none that it may read it.
    assert http.get(url).headers["Vary"] == "Origin"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_picture_that_the_caller_has_is_304(http: httpx.Client, url: str, form: str) -> None:
    etag = http.get(url).headers["ETag"]
    response = http.get(url, headers={"If-None-Match": form.format(etag)})
    assert (response.status_code, response.content, response.headers["ETag"]) == (304, b"", etag)


def test_another_etag_gets_the_picture(http: httpx.Client, url: str) -> None:
    assert http.get(url, headers={"If-None-Match": '"other"'}).content == PICTURE


def test_of_a_picture_that_is_gone_the_key_is_not_told(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = worker.run(submit()["id"])
    worker.images.delete_job(job.id)
    response = http.get(f"/v1/images/{job.id}-0")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == f"no image '{job.id}-0'"


SIZE = len(PICTURE)


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-4", 2, 5),
        ("bytes=5-", 5, SIZE),
        ("bytes=-3", SIZE - 3, SIZE),
        (f"bytes=-{10 * SIZE}", 0, SIZE),
        (f"bytes=1-{10 * SIZE}", 1, SIZE),
    ],
)
def test_a_range_gives_those_bytes(http: httpx.Client, url: str, asked: str, first: int, stop: int) -> None:
    response = http.get(url, headers={"Range": asked})
    assert (response.status_code, response.content) == (206, PICTURE[first:stop])
    assert response.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{SIZE}"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", "bytes=999-1000"])
def test_a_range_beyond_the_picture_is_416(http: httpx.Client, url: str, asked: str) -> None:
    response = http.get(url, headers={"Range": asked})
    assert (response.status_code, response.json()["error"]["param"]) == (416, "Range")
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=4-2", "bytes=0-1,3-4", "lines=0-1", "bytes=-", "bytes=a-b", "x"])
def test_a_range_of_another_form_is_ignored(http: httpx.Client, url: str, asked: str) -> None:
    response = http.get(url, headers={"Range": asked})
    assert (response.status_code, response.content) == (200, PICTURE)


def test_a_range_of_another_version_is_ignored(http: httpx.Client, url: str) -> None:
    etag = http.get(url).headers["ETag"]
    of_this = http.get(url, headers={"Range": "bytes=0-0", "If-Range": etag})
    of_another = http.get(url, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert (of_this.status_code, of_another.status_code) == (206, 200)


@pytest.mark.parametrize(
    "image_id", ["nonsense", "job_" + "0" * 26 + "-0", "..%2f..%2fetc%2fpasswd", "job_-0"]
)
def test_an_unknown_picture_is_404(http: httpx.Client, image_id: str) -> None:
    response = http.get(f"/v1/images/{image_id}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_an_index_that_the_job_has_not_is_404(http: httpx.Client, url: str) -> None:
    response = http.get(url.removesuffix("-0") + "-1")
    assert (response.status_code, response.json()["error"]["param"]) == (404, "image_id")


def test_a_picture_that_was_swept_is_404(http: httpx.Client, url: str, session_images: str) -> None:
    ImageStore(session_images).delete_job(url.rpartition("/")[2].removesuffix("-0"))
    assert http.get(url).status_code == 404
