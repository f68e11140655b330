"""GET and DELETE /v1/jobs/{id}, and POST /v1/jobs/{id}/cancel."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from service.settings import GatewaySettings
from tests.polling import until
from tests.service.conftest import FakeWorker, serving
from worker.jobs.catalog import Catalog
from worker.jobs.errors import ImageNotFound, LeaseLost
from worker.jobs.job import JobError
from worker.jobs.store import CANCELED, JobStore

Submit = Callable[..., dict[str, Any]]

FIELDS = {
    "id",
    "kind",
    "status",
    "stage",
    "stages",
    "created_at",
    "started_at",
    "ended_at",
    "expires_at",
    "queue_position",
    "estimated_wait_seconds",
    "progress",
    "input",
    "text",
    "outputs",
    "warnings",
    "error",
    "receipt",
    "deliveries",
    "urls",
    "metadata",
}


def test_a_job_has_the_fields_of_the_contract(submit: Submit, http: httpx.Client) -> None:
    job = submit()
    assert set(job) == FIELDS
    assert http.get(job["urls"]["self"]).json() == job
    assert job["created_at"].endswith("Z")


def test_the_place_in_the_queue_is_told(submit: Submit) -> None:
    assert [submit()["queue_position"] for _ in range(3)] == [0, 1, 2]


def test_a_running_job_tells_its_progress(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit()
    worker.report(worker.claim(job["id"]), step=5)
    job = http.get(job["urls"]["self"]).json()
    assert (job["status"], job["queue_position"]) == ("running", None)
    assert job["progress"] == {"step": 5, "steps": 25, "fraction": 0.2}


def test_a_succeeded_job_has_its_pictures_and_receipt(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit(num_images=2, seed=9, output_format="jpeg")
    worker.run(job["id"])
    ended = http.get(job["urls"]["self"]).json()
    assert ended["outputs"][1] == {
        "id": f"{job['id']}-1",
        "url": f"{http.base_url}/v1/images/{job['id']}-1",
        "width": 512,
        "height": 512,
        "seed": 9,
        "content_type": "image/jpeg",
        "blurhash": None,
        "censored": False,
    }
    assert ended["receipt"]["steps"] == 25
    assert ended["created_at"] <= ended["started_at"] <= ended["ended_at"] < ended["expires_at"]


def test_a_failed_job_tells_why(
    submit: Submit, http: httpx.Client, worker: FakeWorker, store: JobStore
) -> None:
    job = submit()
    store.fail(worker.claim(job["id"]), JobError(code="internal", message="out of paint"))
    failed = http.get(job["urls"]["self"]).json()
    assert (failed["status"], failed["error"]) == ("failed", {"code": "internal", "message": "out of paint"})


def test_canceling_is_idempotent(submit: Submit, http: httpx.Client) -> None:
    cancel = submit()["urls"]["cancel"]
    first, second = http.post(cancel), http.post(cancel)
    assert (first.status_code, first.json()["status"]) == (200, "canceled")
    assert second.json() == first.json()


def test_canceling_a_running_job_ends_it(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit()
    worker.claim(job["id"])
    assert http.post(job["urls"]["cancel"]).json()["status"] == "canceled"


def test_canceling_an_ended_job_changes_nothing(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit()
    worker.run(job["id"])
    response = http.post(job["urls"]["cancel"])
    assert (response.status_code, response.json()["status"]) == (200, "succeeded")


@pytest.mark.parametrize("job_id", ["nonsense", "job_" + "0" * 26, "job_" + "I" * 26, "%00", "%F0%9F%8D%8E"])
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/events")]
)
def test_an_unknown_job_is_404(http: httpx.Client, job_id: str, method: str, suffix: str) -> None:
    response = http.request(method, f"/v1/jobs/{job_id}{suffix}")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (404, "not_found", "job_id")
    assert error["message"].startswith("no job")


def test_a_deleted_job_has_gone_with_its_pictures(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit()
    picture = worker.run(job["id"]).outputs[0]
    response = http.delete(job["urls"]["self"])
    assert (response.status_code, response.content) == (204, b"")
    assert http.get(job["urls"]["self"]).status_code == 404
    with pytest.raises(ImageNotFound):
        worker.images.get(picture.key)


def test_deleting_twice_is_404(submit: Submit, http: httpx.Client) -> None:
    url = submit()["urls"]["self"]
    assert [http.delete(url).status_code for _ in range(2)] == [204, 404]


def test_deleting_a_running_job_stops_it(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit()
    claim = worker.claim(job["id"])
    http.delete(job["urls"]["self"])
    with pytest.raises(LeaseLost):
        worker.report(claim, step=1)


def test_a_worker_is_told_of_a_deleted_job(
    submit: Submit, http: httpx.Client, worker: FakeWorker, redis: Redis
) -> None:
    job = submit()
    worker.claim(job["id"])
    with redis.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(CANCELED)
        http.delete(job["urls"]["self"])
        until(lambda: (message := listener.get_message()) and message["data"] == job["id"].encode())


def test_a_job_can_be_deleted_while_its_pictures_cannot(
    valkey_url: str, catalog: Catalog, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    with serving(GatewaySettings(redis_url=valkey_url, images_url=str(folder))) as url:
        job = httpx.post(f"{url}/v1/text-to-image", json={"prompt": "x"}, trust_env=False).json()
        shutil.rmtree(folder)
        folder.write_text("in the way")
        assert httpx.delete(job["urls"]["self"], trust_env=False).status_code == 204
