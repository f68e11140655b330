"""A prompt becomes a picture, through gateway, Redis, Celery, engine, networks and image store."""

import json
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.client import Kandinsky, ServerEvent
from service.requests import TextToImageRequest
from tests.integration.conftest import Service
from tests.polling import until

Draw = Callable[..., dict[str, Any]]
Pixels = Callable[[dict[str, Any]], NDArray[np.int16]]

LONG = TextToImageRequest(prompt="a cat", steps=200, num_images=8)


def test_a_prompt_becomes_a_png(draw: Draw, http: httpx.Client) -> None:
    job = draw(prompt="рыжий кот", seed=7, width=128, height=64)
    [output] = job["outputs"]
    picture = http.get(output["url"])
    assert picture.headers["Content-Type"] == "image/png"
    with Image.open(BytesIO(picture.content)) as opened:
        assert (opened.format, opened.size, output["seed"]) == ("PNG", (128, 64), 7)
    assert job["receipt"]["steps"] == job["input"]["steps"] == 25


def test_the_same_seed_gives_the_same_bytes(draw: Draw, http: httpx.Client) -> None:
    jobs = [draw(seed=seed) for seed in (7, 7, 8)]
    first, again, other = (http.get(job["outputs"][0]["url"]).content for job in jobs)
    assert first == again != other


@pytest.fixture(scope="module")
def events(service: Service) -> list[ServerEvent]:
    """All that is told of one long job."""
    with Kandinsky(service.url) as client:
        job = client.submit(TextToImageRequest(prompt="a cat", steps=100, num_images=2))
        return list(client.events(job.id))


def test_events_tell_the_story(events: list[ServerEvent]) -> None:
    types = [event.type for event in events]
    assert {"progress", "preview"} < set(types)
    assert (types[0], types[-3:]) == ("status", ["output", "output", "status"])
    assert events[-1].data["status"] == "succeeded"
    assert events[-1].data["outputs"] == [events[-3].data, events[-2].data]


def test_progress_grows(events: list[ServerEvent]) -> None:
    fractions = [event.data["fraction"] for event in events if event.type == "progress"]
    assert fractions == sorted(set(fractions))
    assert all(0 <= fraction <= 1 for fraction in fractions)


def test_a_preview_is_a_small_picture(events: list[ServerEvent]) -> None:
    preview = next(event for event in events if event.type == "preview")
    kind, _, content = preview.data["image"].partition(",")
    assert kind == "data:image/webp;base64"
    assert preview.data["step"] in range(1, 100)
    with Image.open(BytesIO(b64decode(content))) as picture:
        assert picture.size == (8, 8)


def mixed_requests() -> list[dict[str, object]]:
    """Sixteen requests that differ in all that may differ within a batch, and a few in size.

    Guidance is moderate, since it multiplies what rounding does in a network of random weights.
    """
    prompts = ("a cat", "a pizza with many things on it, large, in the style of an old postcard")
    return [
        {
            "prompt": prompts[index % 2],
            "negative_prompt": "a dog" if index % 3 == 0 else None,
            "seed": index,
            "steps": 4 + index,
            "guidance_scale": (1, 2, 3)[index % 3],
            "sampler": ("ddpm", "kandinsky")[index // 2 % 2],
            "width": 128 if index % 8 == 7 else 64,
        }
        for index in range(16)
    ]


def test_a_picture_does_not_depend_on_its_company(draw: Draw, pixels: Pixels) -> None:
    requests = mixed_requests()
    with ThreadPoolExecutor(len(requests)) as pool:
        together = list(pool.map(lambda request: draw(**request), requests))
    assert max(job["receipt"]["mean_batch_size"] for job in together) > 2
    for request, job in zip(requests, together, strict=True):
        alone = draw(**request)
        assert alone["receipt"]["mean_batch_size"] == 1
        assert np.abs(pixels(job) - pixels(alone)).max() <= 1, request


def test_a_canceled_job_takes_no_more_steps(service: Service, draw: Draw) -> None:
    with Kandinsky(service.url) as client:
        job = client.submit(LONG)
        next(event for event in client.events(job.id) if event.type == "progress")
        assert client.cancel(job.id).status == "canceled"
    until(lambda: metric(service, "kandinsky_jobs_held") == 0)
    before = metric(service, "kandinsky_step_seconds_count")
    draw(steps=5)
    # The step that was under way when the job was canceled may come on top.
    assert metric(service, "kandinsky_step_seconds_count") <= before + 6
    assert metric(service, 'kandinsky_jobs_ended_total{kind="text-to-image",outcome="canceled"}') == 1


def metric(service: Service, name: str) -> float:
    text = httpx.get(service.metrics_url, trust_env=False).text
    found = re.search(rf"^{re.escape(name)} (.*)$", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def test_generate_writes_the_file(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "apple.png"
    command = ("generate", "a red apple", "--seed", "7", "--url", service.url, "-o", str(path))
    ran = subprocess.run([sys.executable, "-m", "service.cli.main", *command], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, f"{path}\n"), ran.stderr
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 64))


def test_the_log_of_a_worker_is_json_that_names_job_and_request(
    service: Service, draw: Draw, http: httpx.Client
) -> None:
    headers = {"X-Request-ID": "ask-for-me", "Prefer": "wait=60"}
    job = http.post("/v1/text-to-image", headers=headers, json={"prompt": "a cat", "steps": 1}).json()
    until(lambda: any(job["id"] in line for line in service.worker.lines))
    entries = [json.loads(line) for line in service.worker.lines]
    [entry] = [entry for entry in entries if entry.get("job_id") == job["id"]]
    assert (entry["event"], entry["outcome"], entry["request_id"]) == (
        "job let go",
        "succeeded",
        "ask-for-me",
    )


def test_the_service_says_that_it_is_ready(http: httpx.Client) -> None:
    assert http.get("/readyz").status_code == 200
    models = http.get("/v1/models").json()["data"]
    assert {model["id"]: len(model["workers"]) for model in models} == {
        "tiny": 1,
        "tiny-flash": 1,
        "tiny-flash-x2": 1,
        "tiny-inpainting": 1,
        "tiny-x2": 1,
        "tiny-x4": 1,
    }


def test_the_distilled_model_needs_four_steps(draw: Draw) -> None:
    job = draw(model="tiny-flash")
    assert (job["input"]["sampler"], job["receipt"]["steps"]) == ("flash", 4)
    assert draw(steps=1)["input"]["model"] == "tiny"
