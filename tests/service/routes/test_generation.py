"""POST /v1/text-to-image: what becomes a job, and what is refused."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from service.settings import GatewaySettings
from tests.polling import until
from tests.processes import Server
from tests.service.conftest import CARD, WORKER, FakeWorker, serving
from worker.jobs.backlog import Backlog
from worker.jobs.catalog import Catalog
from worker.jobs.queue import waiting
from worker.jobs.store import JobStore

PATH = "/v1/text-to-image"
APPLE = {"prompt": "a red apple"}
Submit = Callable[..., dict[str, Any]]


def test_a_prompt_becomes_a_queued_job(http: httpx.Client, redis: Redis) -> None:
    response = http.post(PATH, json=APPLE)
    job = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == job["urls"]["self"] == f"{http.base_url}/v1/jobs/{job['id']}"
    assert (job["status"], job["kind"], job["queue_position"]) == ("queued", "text-to-image", 0)
    assert waiting(redis, "images.tiny") == {job["id"]}


def test_defaults_come_from_the_card(submit: Submit) -> None:
    resolved = submit()["input"]
    seed = resolved.pop("seed")
    assert 0 <= seed < 2**32
    assert resolved == {
        "kind": "text-to-image",
        "prompt": "a red apple",
        "style": None,
        "template": "{prompt}",
        "negative_prompt": None,
        "model": "tiny",
        "width": 512,
        "height": 512,
        "num_images": 1,
        "steps": 25,
        "guidance_scale": 3.0,
        "sampler": "ddpm",
        "output_format": "png",
        "output_quality": 90,
    }


def test_everything_can_be_chosen(submit: Submit) -> None:
    chosen = {
        "prompt": "рыжий кот",
        "negative_prompt": "dog",
        "model": "tiny",
        "width": 128,
        "height": 1024,
        "num_images": 4,
        "steps": 100,
        "guidance_scale": 20.0,
        "sampler": "ddpm",
        "seed": 2**32 - 1,
        "output_format": "webp",
        "output_quality": 1,
    }
    fixed = {"kind": "text-to-image", "style": None, "template": "{prompt}"}
    assert submit(**chosen)["input"] == chosen | fixed


def test_metadata_comes_back_untouched(submit: Submit) -> None:
    metadata = {"order": 7, "tags": ["a", None, {"é": 1.5}]}
    assert submit(metadata=metadata)["metadata"] == metadata


def test_the_seed_is_drawn_anew_for_each_request(submit: Submit) -> None:
    assert submit()["input"]["seed"] != submit()["input"]["seed"]


def test_priority_and_deadline_are_recorded(submit: Submit, store: JobStore) -> None:
    job = store.get(submit(priority="batch", deadline_seconds=30)["id"])
    assert job.priority == "batch"
    assert job.deadline_at is not None
    assert 29 < (job.deadline_at - job.created_at).total_seconds() < 31


def test_the_job_carries_the_request_id(http: httpx.Client, store: JobStore) -> None:
    response = http.post(PATH, json=APPLE, headers={"X-Request-ID": "mine-1"})
    assert store.get(response.json()["id"]).request_id == "mine-1"


# What is wrong, the field that the answer names, and what its message must contain besides that.
BAD_FIELDS = [
    ({}, "prompt", "missing"),
    ({"prompt": ""}, "prompt", "at least 1 character"),
    ({"prompt": " \n "}, "prompt", "at least 1 character"),
    ({"prompt": "x" * 1001}, "prompt", "at most 1000 characters, got 1001"),
    ({"prompt": 7}, "prompt", "string, got 7"),
    ({"prompt": None}, "prompt", "string, got None"),
    ({"prompt": ["a"]}, "prompt", "string, got ['a']"),
    ({**APPLE, "negative_prompt": "x" * 1001}, "negative_prompt", "at most 1000 characters, got 1001"),
    ({**APPLE, "model": "sdxl"}, "model", "one of tiny for text-to-image, got 'sdxl'"),
    ({**APPLE, "width": 500}, "width", "a multiple of 64 for model tiny, got 500"),
    ({**APPLE, "height": 65}, "height", "between 128 and 1024 for model tiny, got 65"),
    ({**APPLE, "width": 64}, "width", "between 128 and 1024 for model tiny, got 64"),
    ({**APPLE, "width": 1088}, "width", "between 128 and 1024 for model tiny, got 1088"),
    ({**APPLE, "width": 0}, "width", "greater than or equal to 1, got 0"),
    ({**APPLE, "width": -64}, "width", "greater than or equal to 1, got -64"),
    ({**APPLE, "width": 10**30}, "width", "less than or equal to 16384"),
    ({**APPLE, "width": "512"}, "width", "integer, got '512'"),
    ({**APPLE, "width": 512.5}, "width", "integer, got 512.5"),
    ({**APPLE, "width": True}, "width", "integer, got True"),
    (
        {**APPLE, "width": 1024, "height": 1024},
        "width",
        "at most 589824 pixels for model tiny, got 1024x1024",
    ),
    ({**APPLE, "aspect_ratio": "7:3"}, "aspect_ratio", "'1:1'"),
    ({**APPLE, "aspect_ratio": "1:1", "width": 512}, "aspect_ratio", "width or height is given, got '1:1'"),
    ({**APPLE, "aspect_ratio": "1:1", "height": 512}, "aspect_ratio", "width or height is given, got '1:1'"),
    ({**APPLE, "num_images": 0}, "num_images", "greater than or equal to 1, got 0"),
    ({**APPLE, "num_images": 5}, "num_images", "at most 4 for model tiny, got 5"),
    ({**APPLE, "steps": 0}, "steps", "greater than or equal to 1, got 0"),
    ({**APPLE, "steps": 101}, "steps", "at most 100 for sampler ddpm, got 101"),
    ({**APPLE, "sampler": "flash", "steps": 3}, "steps", "at least 4 for sampler flash, got 3"),
    ({**APPLE, "sampler": "flash", "steps": 9}, "steps", "at most 8 for sampler flash, got 9"),
    ({**APPLE, "guidance_scale": 0.5}, "guidance_scale", "greater than or equal to 1, got 0.5"),
    ({**APPLE, "guidance_scale": 20.5}, "guidance_scale", "at most 20 for model tiny, got 20.5"),
    (
        {**APPLE, "guidance_scale": 3, "sampler": "flash"},
        "guidance_scale",
        "at most 1 for sampler flash, got 3",
    ),
    ({**APPLE, "guidance_scale": float("nan")}, "guidance_scale", "finite"),
    ({**APPLE, "guidance_scale": float("inf")}, "guidance_scale", "finite"),
    ({**APPLE, "sampler": "euler"}, "sampler", "one of ddpm, flash for model tiny, got 'euler'"),
    ({**APPLE, "seed": -1}, "seed", "greater than or equal to 0, got -1"),
    ({**APPLE, "seed": 2**32}, "seed", "less than or equal to 4294967295, got 4294967296"),
    ({**APPLE, "output_format": "gif"}, "output_format", "'png', 'webp' or 'jpeg', got 'gif'"),
    ({**APPLE, "output_quality": 101}, "output_quality", "less than or equal to 100, got 101"),
    ({**APPLE, "priority": "vip"}, "priority", "'interactive' or 'batch', got 'vip'"),
    ({**APPLE, "deadline_seconds": 0}, "deadline_seconds", "greater than 0, got 0"),
    ({**APPLE, "deadline_seconds": 10**9}, "deadline_seconds", "less than or equal to 604800"),
    ({**APPLE, "metadata": []}, "metadata", "object"),
    ({**APPLE, "metadata": {"a": "x" * 20000}}, "metadata", "at most 16384 bytes"),
    ({**APPLE, "metadata": {"a": float("nan")}}, "metadata", "JSON compliant"),
    ({**APPLE, "style": "baroque"}, "style", "one of digital-image, pixel-art"),
    ({**APPLE, "style": 3}, "style", "string, got 3"),
    ({**APPLE, "beautify": 1}, "beautify", "boolean, got 1"),
    ({**APPLE, "refine": 0}, "refine", "greater than or equal to 1, got 0"),
    ({**APPLE, "refine": 3}, "refine", "less than or equal to 2, got 3"),
    ({**APPLE, "refine": True}, "refine", "integer, got True"),
    ({**APPLE, "upscale": 3}, "upscale", "2 or 4, got 3"),
    ({**APPLE, "strength": 0.5}, "strength", "not a field"),
    ([], None, "object"),
    ("a red apple", None, "object"),
    (None, None, "object"),
]


@pytest.mark.parametrize(("body", "param", "said"), BAD_FIELDS)
def test_a_bad_field_is_named_with_its_value_and_limit(
    http: httpx.Client, body: object, param: str | None, said: str
) -> None:
    response = http.post(PATH, content=json.dumps(body), headers={"Content-Type": "application/json"})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", param)
    assert error["message"].startswith(param or "")
    assert said in error["message"]


def test_a_refused_request_leaves_no_job(http: httpx.Client, redis: Redis, backlog: Backlog) -> None:
    http.post(PATH, json={**APPLE, "seed": -1})
    assert backlog.state("images.tiny").num_queued == 0
    assert waiting(redis, "images.tiny") == set()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"{'prompt': 'x'}", b"\xff\xfe", b'{"prompt": ' + b"9" * 5000 + b"}", b"[" * 10_000],
    ids=["empty", "cut off", "single quotes", "no text", "endless number", "bottomless"],
)
def test_a_body_that_is_not_json_is_refused(http: httpx.Client, content: bytes) -> None:
    response = http.post(PATH, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.json()["error"]["code"] == "invalid_request"


def test_metadata_may_not_be_nested_too_deeply(http: httpx.Client) -> None:
    body = b'{"prompt": "x", "metadata": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}"
    response = http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]["param"]) == (422, "metadata")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_of_another_type_is_415(http: httpx.Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = http.post(PATH, content=json.dumps(APPLE), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", (512, 512)),
        ("16:9", (704, 384)),
        ("9:16", (384, 704)),
        ("3:2", (576, 384)),
        ("2:3", (384, 576)),
    ],
)
def test_an_aspect_ratio_gives_a_size_of_the_model(submit: Submit, ratio: str, size: tuple[int, int]) -> None:
    resolved = submit(aspect_ratio=ratio)["input"]
    assert (resolved["width"], resolved["height"]) == size


def test_a_sampler_without_guidance_gets_none(submit: Submit) -> None:
    resolved = submit(sampler="flash")["input"]
    assert (resolved["steps"], resolved["guidance_scale"]) == (4, 1.0)


def test_without_any_model_the_service_is_unavailable(http: httpx.Client, redis: Redis) -> None:
    redis.flushall()
    response = http.post(PATH, json=APPLE)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_a_known_model_without_a_worker_is_queued_for(submit: Submit, catalog: Catalog) -> None:
    catalog.withdraw(WORKER.id)
    assert submit()["status"] == "queued"


def test_the_first_served_model_is_the_default(submit: Submit, catalog: Catalog) -> None:
    catalog.publish(
        WORKER.model_copy(update={"id": "worker-2", "models": ("zebra",)}),
        [CARD.model_copy(update={"id": "zebra"})],
        ttl_seconds=600,
    )
    catalog.withdraw(WORKER.id)
    assert submit()["input"]["model"] == "zebra"


def test_a_full_queue_is_429(
    valkey_url: str, session_images: str, catalog: Catalog, backlog: Backlog
) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_queue_length=1)
    with serving(settings) as url:
        httpx.post(url + PATH, json=APPLE, trust_env=False)
        response = httpx.post(url + PATH, json=APPLE, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "queue_full")
    assert int(response.headers["Retry-After"]) > 0
    assert backlog.state("images.tiny").num_queued == 1


def _run_first_job(worker: FakeWorker, redis: Redis) -> None:
    until(lambda: waiting(redis, "images.tiny"))
    worker.run(*waiting(redis, "images.tiny"))


@pytest.mark.parametrize("prefer", ["wait=20", "respond-async, Wait = 20", 'wait="20"; foo=1'])
def test_prefer_wait_answers_with_the_ended_job(
    http: httpx.Client, worker: FakeWorker, redis: Redis, prefer: str
) -> None:
    player = threading.Thread(target=_run_first_job, args=(worker, redis))
    player.start()
    response = http.post(PATH, json=APPLE, headers={"Prefer": prefer})
    player.join()
    assert (response.status_code, response.json()["status"]) == (200, "succeeded")
    assert response.headers["Preference-Applied"] == "wait=20"
    assert len(response.json()["outputs"]) == 1


def test_prefer_wait_gives_up_in_time(http: httpx.Client) -> None:
    response = http.post(PATH, json=APPLE, headers={"Prefer": "wait=0"})
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    assert response.headers["Preference-Applied"] == "wait=0"


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=-1", "return=minimal", "", "wait"])
def test_a_preference_that_is_not_understood_is_ignored(http: httpx.Client, prefer: str) -> None:
    response = http.post(PATH, json=APPLE, headers={"Prefer": prefer})
    assert response.status_code == 202
    assert "Preference-Applied" not in response.headers


def test_a_frozen_redis_is_503_and_a_thawed_one_works(private_valkey: Server, tmp_path: Path) -> None:
    settings = GatewaySettings(
        redis_url=private_valkey.url, images_url=str(tmp_path / "images"), redis_timeout_seconds=0.2
    )
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.post(PATH, json=APPLE).status_code == 202
        private_valkey.freeze()
        response = client.post(PATH, json=APPLE)
        private_valkey.thaw()
        assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
        assert int(response.headers["Retry-After"]) > 0
        until(lambda: client.post(PATH, json=APPLE).status_code == 202)


@pytest.mark.parametrize("command", ["REPLICAOF 127.0.0.1 1", "CONFIG SET min-replicas-to-write 1"])
def test_a_redis_that_takes_no_writes_is_503(private_valkey: Server, tmp_path: Path, command: str) -> None:
    settings = GatewaySettings(redis_url=private_valkey.url, images_url=str(tmp_path / "images"))
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        private_valkey.client.execute_command(*command.split())
        response = client.post(PATH, json=APPLE)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")


def test_a_dead_redis_is_503(private_valkey: Server, tmp_path: Path) -> None:
    settings = GatewaySettings(redis_url=private_valkey.url, images_url=str(tmp_path / "images"))
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        private_valkey.kill()
        codes = {
            client.request(method, path, json=APPLE).json()["error"]["code"]
            for method, path in [("POST", PATH), ("GET", "/v1/models"), ("GET", "/v1/jobs/job_" + "0" * 26)]
        }
    assert codes == {"unavailable"}
