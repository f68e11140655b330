"""Pictures by their addresses: from hosts that are allowed, from no others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from service.settings import GatewaySettings
from tests.pictures import encoded
from tests.receivers import Receiver, Reply
from tests.service.conftest import serving
from worker.jobs.image_keys import input_key
from worker.jobs.images import ImageStore

FILE = encoded(Image.new("RGB", (128, 128), "red"))
PICTURE = Reply(chunks=[FILE])


@contextmanager
def gateway(valkey_url: str, folder: Path, **settings: object) -> Iterator[httpx.Client]:
    """A client of a gateway that may fetch from this machine, unless its settings say otherwise."""
    allowed = {"image_url_hosts": "127.0.0.1", "allowed_networks": "127.0.0.0/8", **settings}
    given = {"redis_url": valkey_url, "images_url": str(folder), **allowed}
    with (
        serving(GatewaySettings.model_validate(given)) as url,
        httpx.Client(base_url=url, timeout=20, trust_env=False) as client,
    ):
        yield client


def enlarge(http: httpx.Client, url: str) -> httpx.Response:
    return http.post("/v1/super-resolution", json={"image": url, "scale": 4})


@pytest.mark.usefixtures("family")
def test_a_picture_is_fetched(valkey_url: str, tmp_path: Path) -> None:
    with Receiver(PICTURE) as host, gateway(valkey_url, tmp_path) as http:
        response = enlarge(http, host.url)
    assert response.status_code == 202, response.text
    assert response.json()["input"]["width"] == 4 * 128
    stored = ImageStore(str(tmp_path)).get(input_key(response.json()["id"], "image"))
    assert stored.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("reply", "settings", "status", "said"),
    [
        (PICTURE, {"image_url_hosts": None}, 422, "image should be base64 or a data URL; pictures are not"),
        (PICTURE, {"image_url_hosts": "a.example"}, 422, "at one of the hosts a.example, got '127.0.0.1'"),
        (PICTURE, {"allowed_networks": None}, 422, "image is at 127.0.0.1, not a public address"),
        (PICTURE, {"max_image_bytes": 100}, 413, "image should have at most 100 bytes, got"),
        (Reply(status=404), {}, 422, "image was answered with status 404"),
        (Reply(status=302, headers={"Location": "http://10.0.0.1/"}), {}, 422, "with status 302"),
        (Reply(chunks=[b"<html>"]), {}, 422, "image should be a PNG, JPEG or WebP file"),
    ],
    ids=["off", "host", "network", "size", "missing", "redirect", "html"],
)
@pytest.mark.usefixtures("family")
def test_what_cannot_be_had_is_told(
    valkey_url: str, tmp_path: Path, reply: Reply, settings: dict[str, object], status: int, said: str
) -> None:
    with Receiver(reply) as host, gateway(valkey_url, tmp_path, **settings) as http:
        response = enlarge(http, host.url)
    assert (response.status_code, response.json()["error"]["param"]) == (status, "image")
    assert said in response.json()["error"]["message"]


@pytest.mark.usefixtures("family")
def test_what_is_fetched_takes_up_memory_as_a_body_does(valkey_url: str, tmp_path: Path) -> None:
    little = {"max_body_bytes": 200, "max_bodies_bytes": 200}
    with Receiver(PICTURE) as host, gateway(valkey_url, tmp_path, **little) as http:
        response = enlarge(http, host.url)
    assert len(FILE) > 200
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")


@pytest.mark.parametrize("url", ["http://[", "https://", "http://127.0.0.1:99999/", "HTTP://user@127.0.0.1/"])
@pytest.mark.usefixtures("family")
def test_an_address_that_is_none_is_refused(valkey_url: str, tmp_path: Path, url: str) -> None:
    with gateway(valkey_url, tmp_path) as http:
        response = enlarge(http, url)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_image")
