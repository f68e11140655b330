"""FusionBrain's routes where the queue is full, a worker is missing, or pictures are censored."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from service.fusionbrain.identity import job_uuid, pipeline_uuid
from service.settings import GatewaySettings
from tests.service.conftest import CARD, PAINTERS, PICTURE, WORKER, FakeWorker, receipt, serving
from worker.jobs.catalog import Catalog
from worker.jobs.image_keys import picture_key
from worker.jobs.job import Output
from worker.jobs.stages import OutputFormat
from worker.jobs.store import JobStore

PIPELINE = str(pipeline_uuid(CARD.id))
Submit = Callable[..., dict[str, Any]]


def run(http: httpx.Client, prompt: str = "apple") -> httpx.Response:
    """Ask for a picture."""
    params = json.dumps({"type": "GENERATE", "generateParams": {"query": prompt}})
    parts = {"pipeline_id": (None, PIPELINE), "params": (None, params, "application/json")}
    return http.post("/key/api/v1/pipeline/run", files=parts)


def status(http: httpx.Client, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/key/api/v1/pipeline/status/{job_uuid(job_id)}").json()
    return found


def test_a_full_queue_takes_nothing_and_says_so(
    valkey_url: str, session_images: str, catalog: Catalog
) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_queue_length=1)
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False, timeout=20) as http:
        assert run(http).status_code == 201
        refused = run(http)
        assert (refused.status_code, refused.json()) == (200, {"pipeline_status": "DISABLED_BY_QUEUE"})
        assert run(http, "hardcore sex").json() == refused.json()
        assert http.get(f"/key/api/v1/pipeline/{PIPELINE}/availability").json() == refused.json()


def test_a_model_that_no_living_worker_serves_is_not_available(http: httpx.Client, catalog: Catalog) -> None:
    catalog.publish(PAINTERS.model_copy(update={"models": ("other",)}), (), ttl_seconds=600)
    catalog.withdraw(WORKER.id)
    assert run(http).json() == {"pipeline_status": "DISABLED_BY_QUEUE"}
    assert http.get("/key/api/v1/pipelines").json()[0]["status"] == "DISABLED_BY_QUEUE"


def test_a_running_job_is_processing(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit()
    assert status(http, job["id"])["status"] == "INITIAL"
    worker.claim(job["id"])
    assert status(http, job["id"])["status"] == "PROCESSING"


def test_a_censored_picture_is_left_out(
    submit: Submit, http: httpx.Client, worker: FakeWorker, store: JobStore
) -> None:
    job = submit(num_images=2)
    claim = worker.claim(job["id"])
    outputs = [output(worker, job["id"], index, censored=index == 1) for index in range(2)]
    store.succeed(claim, receipt(claim.job.stage), outputs)
    result = status(http, job["id"])["result"]
    assert (len(result["files"]), result["censored"]) == (1, True)


def test_a_canceled_job_has_failed(submit: Submit, http: httpx.Client) -> None:
    job = submit()
    http.post(job["urls"]["cancel"])
    shown = status(http, job["id"])
    assert (shown["status"], shown["errorDescription"]) == ("FAIL", "the job is canceled")


def test_without_any_model_there_is_no_pipeline(http: httpx.Client, store: JobStore, redis: Any) -> None:
    redis.flushall()
    assert http.get("/key/api/v1/pipelines").json()["error"]["code"] == "model_unavailable"


def output(worker: FakeWorker, job_id: str, index: int, *, censored: bool) -> Output:
    """A stored picture."""
    key = picture_key(job_id, index, OutputFormat.PNG)
    worker.images.put(key, PICTURE, "image/png")
    return Output(
        index=index, key=key, width=8, height=8, seed=0, content_type="image/png", censored=censored
    )
