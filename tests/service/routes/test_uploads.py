"""POST /v1/images: a picture is sent once and named as often as its owner likes."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from PIL import Image
from redis import Redis

from service.settings import GatewaySettings
from tests.files import files_in
from tests.pictures import encoded
from tests.polling import until
from tests.service.bodies.test_limit import half_sent
from tests.service.conftest import serving
from worker.jobs.catalog import Catalog
from worker.jobs.keys import KeyStore
from worker.jobs.uploads import is_upload_id

PATH = "/v1/images"
PICTURE = encoded(Image.new("RGB", (130, 128), "red"))
#: Of more than half a megabyte.
LARGE = encoded(Image.frombytes("RGB", (512, 400), random.Random(1).randbytes(512 * 400 * 3)))
PNG = {"Content-Type": "image/png"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def strict(valkey_url: str, folder: Path, redis: Redis) -> Iterator[httpx.Client]:
    """A client of a gateway that takes little, and keeps its pictures in `folder`."""
    settings = GatewaySettings(
        redis_url=valkey_url, images_url=str(folder), max_image_bytes=500_000, max_image_pixels=400_000
    )
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    "sent",
    [
        {"content": PICTURE, "headers": PNG},
        {"content": PICTURE, "headers": {"Content-Type": "application/octet-stream"}},
        {"content": iter([PICTURE[:9], PICTURE[9:]]), "headers": PNG},
        {"files": {"image": PICTURE}},
        {"files": {"image": ("a.jpg", LARGE, "image/jpeg")}},
    ],
    ids=["raw", "bytes", "in pieces", "form", "large form"],
)
def test_an_upload_tells_what_it_is(http: httpx.Client, sent: dict[str, object]) -> None:
    response = http.post(PATH, **sent)  # type: ignore[arg-type]
    assert response.status_code == 201, response.text
    upload = response.json()
    assert is_upload_id(upload["id"])
    size = (
        (512, 400, len(LARGE)) if "large" in str(sent) or upload["width"] == 512 else (130, 128, len(PICTURE))
    )
    assert (upload["width"], upload["height"], upload["size"]) == size
    assert upload["content_type"] == "image/png"
    assert response.headers["Location"] == upload["url"] == f"{http.base_url}/v1/images/{upload['id']}"


def test_an_upload_is_kept_for_a_day(http: httpx.Client, redis: Redis) -> None:
    upload = http.post(PATH, content=PICTURE, headers=PNG).json()
    created, expires = (datetime.fromisoformat(upload[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(days=1)
    assert redis.zrange("jobs:ended", 0, -1, withscores=True) == [
        (upload["id"].encode(), int(expires.timestamp() * 1000))
    ]
    assert 0 < redis.pttl(f"upload:{upload['id']}") <= 86_400_000


def test_an_upload_is_served_as_it_came(http: httpx.Client) -> None:
    url = http.post(PATH, content=LARGE, headers=PNG).json()["url"]
    response = http.get(url)
    assert (response.content, response.headers["Content-Type"]) == (LARGE, "image/png")
    assert http.get(url, headers={"Range": "bytes=100-199"}).content == LARGE[100:200]


@pytest.mark.usefixtures("family")
def test_an_upload_is_used_in_many_requests(http: httpx.Client) -> None:
    upload = {"upload": http.post(PATH, content=PICTURE, headers=PNG).json()["id"]}
    for path, fields in (("image-to-image", {"prompt": "a cat"}), ("super-resolution", {"scale": 4})):
        response = http.post(f"/v1/{path}", json={"image": upload, **fields})
        assert response.status_code == 202, response.text


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        (b"GIF89a and so on", PNG, 422, "should be a PNG, JPEG or WebP file"),
        (b"", PNG, 422, "should be a PNG, JPEG or WebP file"),
        (PICTURE[:100], PNG, 422, "damaged or cut off"),
        (encoded(Image.new("L", (1000, 401))), PNG, 422, "at most 400000 pixels, got 1000x401"),
        (LARGE, PNG, 413, "at most 500000 bytes, got"),
        (PICTURE, {"Content-Type": "text/plain"}, 415, "Content-Type should be image/*"),
        (PICTURE, {}, 415, "got none"),
        (PICTURE, {"Content-Type": "multipart/form-data; boundary=x"}, 400, "not a form"),
    ],
    ids=["gif", "empty", "half", "pixels", "bytes", "type", "no type", "no form"],
)
def test_what_is_refused_leaves_nothing(
    strict: httpx.Client,
    folder: Path,
    redis: Redis,
    content: bytes,
    headers: dict[str, str],
    status: int,
    said: str,
) -> None:
    response = strict.post(PATH, content=content, headers=headers)
    assert response.status_code == status
    assert said in response.json()["error"]["message"]
    assert files_in(folder) == []
    assert redis.zcard("jobs:ended") == 0


def test_what_is_too_large_is_refused_before_it_is_whole(strict: httpx.Client) -> None:
    wide = encoded(Image.new("L", (4000, 4000)))
    with half_sent(
        str(strict.base_url), PATH, "image/png", body=wide[:100] + b"\0" * 70_000, length=10**7
    ) as sent:
        assert b"at most 400000 pixels" in sent.recv(10_000)


def test_a_caller_who_goes_away_leaves_nothing(strict: httpx.Client, folder: Path, redis: Redis) -> None:
    with half_sent(str(strict.base_url), PATH, "image/png", body=LARGE[:200_000], length=300_000):
        until(lambda: redis.zcard("jobs:ended") == 1)
    until(lambda: redis.zcard("jobs:ended") == 0)
    assert files_in(folder) == []


def test_a_caller_who_pauses_for_too_long_leaves_nothing(
    valkey_url: str, folder: Path, redis: Redis, catalog: Catalog
) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=str(folder), body_timeout_seconds=0.5)
    with (
        serving(settings) as url,
        half_sent(url, PATH, "image/png", body=LARGE[:200_000], length=300_000) as sent,
    ):
        assert sent.recv(10_000).startswith(b"HTTP/1.1 408 ")
    assert files_in(folder) == []
    assert redis.zcard("jobs:ended") == 0


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ([("picture", PICTURE)], "picture"),
        ([("image", PICTURE), ("image", PICTURE)], "image"),
        ([("image", PICTURE), ("mask", PICTURE)], "mask"),
    ],
    ids=["name", "twice", "more"],
)
def test_a_form_of_something_else_is_refused(
    strict: httpx.Client, folder: Path, files: list[tuple[str, bytes]], param: str
) -> None:
    response = strict.post(PATH, files=files)
    assert (response.status_code, response.json()["error"]["param"]) == (422, param)
    assert files_in(folder) == []


def test_of_another_owner_there_is_no_upload(
    client_of: Callable[..., httpx.Client], keys: KeyStore, family: None
) -> None:
    ann, bob = (client_of(keys.create(name)[1]) for name in ("ann", "bob"))
    upload = ann.post(PATH, content=PICTURE, headers=PNG).json()
    path = f"/v1/images/{upload['id']}"
    assert (ann.get(path).status_code, bob.get(path).status_code) == (200, 404)
    assert client_of().get(upload["url"]).content == PICTURE
    body = {"image": {"upload": upload["id"]}, "scale": 4}
    assert bob.post("/v1/super-resolution", json=body).json()["error"]["param"] == "image"
    assert ann.post("/v1/super-resolution", json=body).status_code == 202
