"""`curl` against the native routes, as somebody would type it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from worker.jobs.keys import Key

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

JSON = ("-H", "Content-Type: application/json")
SMALL = {"prompt": "a red apple", "width": 256, "height": 256}
Curl = Callable[..., str]


@pytest.fixture
def curl(url: str, key: tuple[Key, str], tmp_path: Path) -> Curl:
    """Runs curl on a path in an empty folder, and gives what it writes."""

    def curl(path: str, *options: str, exit_code: int = 0) -> str:
        command = [
            "curl",
            "-sS",
            "--noproxy",
            "*",
            "-H",
            f"Authorization: Bearer {key[1]}",
            *options,
            url + path,
        ]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
        assert ran.returncode == exit_code, ran.stderr
        return ran.stdout

    return curl


def draw(curl: Curl, *options: str, **fields: object) -> dict[str, Any]:
    """A job that has ended, or could not begin."""
    body = ("-d", json.dumps({**SMALL, **fields}))
    answer: dict[str, Any] = json.loads(
        curl("/v1/text-to-image", *JSON, "-H", "Prefer: wait=60", *body, *options)
    )
    return answer


def path_of(url: str) -> str:
    """The part of a URL that follows the host."""
    return "/" + url.split("/", 3)[3]


def test_a_picture_is_drawn_and_loaded(curl: Curl, tmp_path: Path) -> None:
    [output] = draw(curl)["outputs"]
    curl(path_of(output["url"]), "-o", "apple.png")
    with Image.open(tmp_path / "apple.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (256, 256))


def test_events_are_followed_to_the_end(curl: Curl) -> None:
    job = json.loads(curl("/v1/text-to-image", *JSON, "-d", json.dumps(SMALL)))
    lines = curl(path_of(job["urls"]["events"]), "-N").splitlines()
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert (events[0], events[-2:]) == ("status", ["output", "status"])


def test_files_are_sent_as_a_form(curl: Curl, tmp_path: Path) -> None:
    Image.new("RGB", (256, 256), "red").save(tmp_path / "apple.png")
    mask = Image.new("L", (256, 256), 0)
    mask.paste(255, (0, 0, 128, 256))
    mask.save(tmp_path / "mask.png")
    form = ("-F", "prompt=a banana", "-F", "image=@apple.png", "-F", "mask=@mask.png", "-F", "feather=4")
    job = json.loads(curl("/v1/inpainting", *form, "-H", "Prefer: wait=60"))
    assert (job["status"], job["input"]["feather"]) == ("succeeded", 4)


def test_a_picture_is_uploaded_once_and_used_by_its_id(curl: Curl, tmp_path: Path) -> None:
    Image.new("RGB", (256, 256), "red").save(tmp_path / "apple.png")
    upload = json.loads(curl("/v1/images", "-F", "image=@apple.png"))
    body = {"prompt": "a pear", "image": {"upload": upload["id"]}}
    job = json.loads(curl("/v1/image-to-image", *JSON, "-d", json.dumps(body)))
    assert (job["kind"], upload["width"]) == ("image-to-image", 256)


def test_the_same_request_under_one_key_is_one_job(curl: Curl, tmp_path: Path) -> None:
    once = ("-H", "Idempotency-Key: curl-once", "-D", "head.txt")
    assert draw(curl, *once)["id"] == draw(curl, *once)["id"]
    assert "idempotency-replayed: true" in (tmp_path / "head.txt").read_text().lower()


def test_a_refusal_fails_and_says_why(curl: Curl) -> None:
    refused = curl("/v1/text-to-image", *JSON, "-d", '{"prompt": "a cat", "width": 100}', "-f", exit_code=22)
    assert refused == ""
    assert draw(curl, width=100)["error"]["param"] == "width"


def test_one_part_of_a_picture_is_loaded(curl: Curl, tmp_path: Path) -> None:
    [output] = draw(curl)["outputs"]
    curl(path_of(output["url"]), "-r", "0-7", "-o", "head.png")
    assert (tmp_path / "head.png").read_bytes() == b"\x89PNG\r\n\x1a\n"
