"""POST /v1/inpainting."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from PIL import Image
from redis import Redis

from service.settings import GatewaySettings
from tests.files import files_in
from tests.pictures import as_text, encoded, half_mask, png
from tests.service.conftest import FakeWorker, serving
from worker.jobs.backlog import Backlog
from worker.jobs.errors import QueueFull, StoreUnavailable
from worker.jobs.image_keys import folder
from worker.jobs.images import ImageStore
from worker.jobs.job import Job
from worker.jobs.queue import waiting
from worker.jobs.stages import Inpainting
from worker.jobs.store import JobStore

pytestmark = pytest.mark.usefixtures("family")

PATH = "/v1/inpainting"
BODY = {"prompt": "a red apple", "image": png(192, 128), "mask": half_mask(192, 128)}
Paint = Callable[..., dict[str, Any]]


@pytest.fixture
def paint(http: httpx.Client) -> Paint:
    """Asks for a picture to be drawn anew, and gives the job."""

    def paint(**fields: object) -> dict[str, Any]:
        response = http.post(PATH, json={**BODY, **fields})
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    return paint


def test_a_picture_and_a_mask_become_a_queued_job(paint: Paint, redis: Redis) -> None:
    job = paint(seed=7)
    assert (job["status"], job["kind"]) == ("queued", "inpainting")
    assert job["input"] == {
        "kind": "inpainting",
        "prompt": "a red apple",
        "style": None,
        "template": "{prompt}",
        "negative_prompt": None,
        "model": "painter",
        "image": {"width": 192, "height": 128},
        "mask": {"width": 192, "height": 128},
        "drawn_width": 192,
        "drawn_height": 128,
        "dilation": 0,
        "feather": 0,
        "paste_back": True,
        "width": 192,
        "height": 128,
        "num_images": 1,
        "steps": 25,
        "guidance_scale": 3.0,
        "sampler": "kandinsky",
        "seed": 7,
        "output_format": "png",
        "output_quality": 90,
    }
    assert waiting(redis, "images.painter") == {job["id"]}


def test_everything_can_be_chosen(paint: Paint) -> None:
    chosen = {
        "negative_prompt": "dog",
        "model": "painter",
        "dilation": 64,
        "feather": 8,
        "paste_back": False,
        "width": 192,
        "height": 128,
        "num_images": 2,
        "steps": 50,
        "guidance_scale": 4.0,
        "sampler": "kandinsky",
        "output_format": "webp",
    }
    assert chosen.items() <= paint(**chosen)["input"].items()


def test_the_pictures_lie_in_the_store_as_plain_pngs(
    paint: Paint, store: JobStore, worker: FakeWorker
) -> None:
    wanted = store.get(paint(image=png(192, 128, (0, 0, 255, 0), "RGBA"))["id"]).input
    assert isinstance(wanted, Inpainting)
    pictures = [Image.open(BytesIO(worker.images.get(key))) for key in (wanted.image, wanted.mask)]
    assert [(picture.format, picture.mode, picture.size) for picture in pictures] == [
        ("PNG", "RGB", (192, 128)),
        ("PNG", "L", (192, 128)),
    ]
    assert [picture.getpixel((0, 0)) for picture in pictures] == [(255, 255, 255), 255]


def test_no_picture_is_in_redis(paint: Paint, redis: Redis) -> None:
    job = paint()
    record = redis.hgetall(f"job:{job['id']}")
    assert max(len(value) for value in record.values()) < 1000


def test_the_caller_sees_no_keys(paint: Paint, http: httpx.Client, worker: FakeWorker) -> None:
    job_id = paint()["id"]
    worker.run(job_id)
    assert "inputs/" not in http.get(f"/v1/jobs/{job_id}").text
    assert "inputs/" not in http.get(f"/v1/jobs/{job_id}/events").text


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((192, 128), (192, 128)),
        ((768, 768), (768, 768)),
        ((200, 100), (256, 128)),
        ((1920, 1080), (704, 384)),
        ((900, 3000), (256, 896)),
        ((50, 50), (128, 128)),
        ((1, 1000), (128, 1024)),
    ],
)
def test_a_picture_of_any_size_is_drawn_at_one_of_the_model(
    paint: Paint, size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    mask = Image.new("L", size)
    mask.putpixel((0, 0), 255)
    wanted = paint(image=png(*size), mask=as_text(encoded(mask)))["input"]
    assert (wanted["width"], wanted["height"]) == size
    assert (wanted["drawn_width"], wanted["drawn_height"]) == drawn


def test_greys_of_the_mask_reach_the_store(paint: Paint, store: JobStore, worker: FakeWorker) -> None:
    mask = Image.linear_gradient("L").resize((192, 128))
    wanted = store.get(paint(mask=as_text(encoded(mask)))["id"]).input
    assert isinstance(wanted, Inpainting)
    stored = Image.open(BytesIO(worker.images.get(wanted.mask)))
    assert stored.getpixel((0, 64)) == mask.getpixel((0, 64))
    assert stored.getextrema() == (0, 255)


INVALID = [
    ({"prompt": ""}, "prompt", "at least 1 character"),
    ({"prompt": "x" * 1001}, "prompt", "at most 1000 characters"),
    ({"image": None}, "image", "string"),
    ({"image": ""}, "image", "at least 1 character"),
    ({"mask": {"upload": 7}}, "mask.upload", "string"),
    ({"width": 128}, "width", "that of image, 192, or be left out, got 128"),
    ({"height": 192}, "height", "that of image, 128, or be left out, got 192"),
    ({"aspect_ratio": "1:1"}, "aspect_ratio", "not a field"),
    ({"feather": -1}, "feather", "greater than or equal to 0"),
    ({"feather": 257}, "feather", "less than or equal to 256"),
    ({"dilation": -1}, "dilation", "greater than or equal to 0"),
    ({"dilation": 65}, "dilation", "less than or equal to 64"),
    ({"paste_back": 1}, "paste_back", "boolean"),
    ({"steps": 51}, "steps", "at most 50 for sampler kandinsky"),
    ({"model": "tiny"}, "model", "one of painter for inpainting, got 'tiny'"),
    ({"sampler": "ddpm"}, "sampler", "one of kandinsky for model painter"),
    ({"model": "x" * 201}, "model", "at most 200 characters"),
    ({"sampler": "x" * 201}, "sampler", "at most 200 characters"),
]
BAD_PICTURES = [
    ({"image": "no picture"}, "image", "base64"),
    ({"mask": as_text(b"PK\3\4")}, "mask", "PNG, JPEG or WebP"),
    ({"mask": png(128, 192, "white")}, "mask", "as large as image, 192x128, got 128x192"),
    ({"mask": png(192, 128, "black")}, "mask", "is empty"),
    ({"mask": png(192, 128, "white")}, "mask", "is full: none of its 192x128 pixels is black or opaque"),
    ({"mask": png(96, 64, "white")}, "mask", "as large as image, 192x128, got 96x64"),
    ({"image": png(4097, 4096)}, "image", "at most 16777216 pixels, got 4097x4096"),
]


@pytest.mark.parametrize(
    ("fields", "param", "said", "code"),
    [(*case, "invalid_request") for case in INVALID] + [(*case, "invalid_image") for case in BAD_PICTURES],
)
def test_a_bad_field_is_named_with_its_value_and_limit(
    http: httpx.Client, fields: dict[str, object], param: str, said: str, code: str
) -> None:
    response = http.post(PATH, json={**BODY, **fields})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, code, param)
    assert error["message"].startswith(param)
    assert said in error["message"]


@pytest.mark.parametrize("missing", ["prompt", "image", "mask"])
def test_a_missing_field_is_named(http: httpx.Client, missing: str) -> None:
    response = http.post(PATH, json={name: value for name, value in BODY.items() if name != missing})
    assert (response.status_code, response.json()["error"]["message"]) == (422, f"{missing} is missing")


def test_too_large_a_file_is_413(valkey_url: str, session_images: str) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_image_bytes=100)
    with serving(settings) as url:
        response = httpx.post(url + PATH, json={**BODY, "image": "A" * 136}, trust_env=False)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (413, "payload_too_large", "image")
    assert error["message"] == "image should have at most 100 bytes, got 102"


def test_a_full_queue_is_429_and_leaves_no_picture(valkey_url: str, tmp_path: Path, paint: Paint) -> None:
    paint()
    settings = GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path), max_queue_length=1)
    with serving(settings) as url:
        response = httpx.post(url + PATH, json=BODY, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "queue_full")
    assert files_in(tmp_path) == []


def test_no_picture_stays_when_redis_is_too_full_for_their_job(
    valkey_url: str, tmp_path: Path, redis: Redis
) -> None:
    with serving(GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path))) as url:
        redis.config_set("maxmemory", 1)
        response = httpx.post(url + PATH, json=BODY, trust_env=False)
        redis.config_set("maxmemory", 0)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    assert files_in(tmp_path) == []


def test_pictures_go_when_their_job_cannot_be_created(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def refuse(store: JobStore, job: Job, *_: object, **__: object) -> NoReturn:
        seen.extend(path.name for path in (tmp_path / folder(job.id) / "inputs").iterdir())
        raise QueueFull("images.painter", 1)

    monkeypatch.setattr(JobStore, "enqueue", refuse)
    with serving(GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path))) as url:
        response = httpx.post(url + PATH, json=BODY, trust_env=False)
    assert (response.status_code, sorted(seen)) == (429, ["image.png", "mask.png"])
    assert files_in(tmp_path) == []


def test_pictures_that_cannot_be_removed_are_swept_later(
    valkey_url: str, tmp_path: Path, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobStore, "enqueue", _raising(QueueFull("images.painter", 1)))
    monkeypatch.setattr(ImageStore, "delete_job", _raising(StoreUnavailable("away")))
    with serving(GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path))) as url:
        assert httpx.post(url + PATH, json=BODY, trust_env=False).status_code == 429
    [stored] = tmp_path.glob("*/*")
    assert redis.zrange("jobs:ended", 0, -1) == [stored.name.encode()]


def _raising(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def test_pictures_that_cannot_be_stored_are_503(valkey_url: str, tmp_path: Path, backlog: Backlog) -> None:
    folder = tmp_path / "images"
    with serving(GatewaySettings(redis_url=valkey_url, images_url=str(folder))) as url:
        folder.rmdir()
        folder.touch()
        response = httpx.post(url + PATH, json=BODY, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    assert backlog.state("images.painter").num_queued == 0
