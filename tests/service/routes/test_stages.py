"""Jobs of several stages, over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from service.client import ServerEvent, parse_events
from service.settings import GatewaySettings
from tests.pictures import png
from tests.service.conftest import FakeWorker, serving
from worker.jobs.catalog import MODELS
from worker.jobs.job import Status
from worker.jobs.store import JobStore

pytestmark = pytest.mark.usefixtures("family")

Submit = Callable[..., dict[str, Any]]
WISHES = {"beautify": True, "refine": 2, "upscale": 2, "width": 128, "height": 192, "model": "tiny"}


def events_of(http: httpx.Client, job: dict[str, Any], last_id: str) -> Iterator[ServerEvent]:
    headers = {"Last-Event-ID": last_id}
    with http.stream("GET", job["urls"]["events"], headers=headers) as response:
        yield from parse_events(response.iter_lines())


def test_the_job_names_what_is_done_for_it(submit: Submit) -> None:
    job = submit(**WISHES)
    assert (job["kind"], job["stage"], job["text"]) == ("text-to-image", "beautification", None)
    assert job["stages"] == [
        {"kind": "beautification", "model": "writer"},
        {"kind": "text-to-image", "model": "tiny"},
        {"kind": "refinement", "model": "fast"},
        {"kind": "super-resolution", "model": "x2"},
    ]


def test_the_last_stage_makes_the_pictures(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit(**WISHES, num_images=2, output_format="webp")
    worker.run(job["id"])
    ended = http.get(job["urls"]["self"]).json()
    assert (ended["status"], ended["stage"], ended["text"]) == (
        "succeeded",
        "super-resolution",
        "rich a red apple",
    )
    sizes = [(output["width"], output["height"], output["content_type"]) for output in ended["outputs"]]
    assert sizes == [(256, 384, "image/webp")] * 2
    assert (ended["input"]["width"], ended["input"]["prompt"]) == (128, "a red apple")


def test_the_receipt_sums_the_stages(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit(**WISHES)
    worker.run(job["id"])
    receipt = http.get(job["urls"]["self"]).json()["receipt"]
    assert (receipt["queue_ms"], receipt["denoise_ms"], receipt["steps"]) == (4, 4, 25)
    assert [(stage["stage"], stage["steps"]) for stage in receipt["stages"]] == [
        ("beautification", 1),
        ("text-to-image", 25),
        ("refinement", 2),
        ("super-resolution", 5),
    ]


def test_there_is_no_receipt_before_what_was_asked_for_is_done(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit(**WISHES)
    worker.advance(worker.claim(job["id"]))
    assert http.get(job["urls"]["self"]).json()["receipt"] is None
    worker.advance(worker.claim(job["id"]))
    receipt = http.get(job["urls"]["self"]).json()["receipt"]
    assert (receipt["steps"], len(receipt["stages"])) == (25, 2)


def test_the_stream_tells_every_stage_as_it_was(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit(beautify=True, upscale=2, width=128, height=192)
    worker.run(job["id"])
    # An id before all events, so that none is left out.
    told = [event.data for event in events_of(http, job, "1-0") if event.type == "status"]
    assert [(state["stage"], state["status"]) for state in told] == [
        ("beautification", "queued"),
        ("beautification", "running"),
        ("text-to-image", "queued"),
        ("text-to-image", "running"),
        ("super-resolution", "queued"),
        ("super-resolution", "running"),
        ("super-resolution", "succeeded"),
    ]
    assert [state["text"] for state in told] == [None] * 2 + ["rich a red apple"] * 5
    fractions = [state["progress"] and state["progress"]["fraction"] for state in told[:-1]]
    assert fractions == [None, None, 0.3333, 0.3333, 0.6667, 0.6667]


def test_the_place_is_that_in_the_queue_of_the_stage(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    first, second = submit(model="tiny"), submit(beautify=True, model="tiny")
    assert (first["queue_position"], second["queue_position"]) == (0, 0)
    worker.advance(worker.claim(second["id"]))
    assert http.get(second["urls"]["self"]).json()["queue_position"] == 1


def test_a_job_can_be_canceled_between_its_stages(
    submit: Submit, http: httpx.Client, worker: FakeWorker, store: JobStore
) -> None:
    job = submit(**WISHES)
    worker.advance(worker.claim(job["id"]))
    assert http.post(job["urls"]["cancel"]).json()["status"] == "canceled"
    assert store.get(job["id"]).status is Status.CANCELED


def test_an_enlarged_picture_can_be_refined(http: httpx.Client, worker: FakeWorker) -> None:
    job = http.post("/v1/super-resolution", json={"image": png(64, 48), "refine": 1}).json()
    assert [stage["kind"] for stage in job["stages"]] == ["super-resolution", "refinement"]
    worker.run(job["id"])
    ended = http.get(job["urls"]["self"]).json()
    assert (ended["kind"], ended["outputs"][0]["width"]) == ("super-resolution", 256)


def test_no_place_in_the_queue_of_a_later_stage_is_429(
    valkey_url: str, tmp_path: Path, submit: Submit
) -> None:
    submit(model="tiny")
    settings = GatewaySettings(redis_url=valkey_url, images_url=str(tmp_path), max_queue_length=1)
    with serving(settings) as url:
        body = {"prompt": "x", "model": "tiny", "beautify": True}
        response = httpx.post(f"{url}/v1/text-to-image", json=body, trust_env=False)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (429, "queue_full")
    assert "queue 'images.tiny'" in error["message"]


def test_more_than_the_upscaler_makes_is_refused_by_name(http: httpx.Client) -> None:
    response = http.post("/v1/text-to-image", json={"prompt": "x", "upscale": 4})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", "upscale")
    assert error["message"] == (
        "upscale makes 2048x2048 of 512x512: width should be between 128 and 1024 for model x4, got 2048"
    )


def test_what_nobody_ever_served_is_503_and_named(http: httpx.Client, redis: Redis) -> None:
    redis.hdel(MODELS, "writer")
    response = http.post("/v1/text-to-image", json={"prompt": "x", "beautify": True})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (503, "model_unavailable")
    assert error["message"].endswith("for beautification yet, which beautify needs")
