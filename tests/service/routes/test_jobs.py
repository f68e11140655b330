"""GET /v1/jobs/{id} and POST /v1/jobs/{id}/cancel."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.service.conftest import FakeWorker
from worker.jobs.job import JobError
from worker.jobs.store import JobStore

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
    "progress",
    "input",
    "text",
    "outputs",
    "warnings",
    "error",
    "receipt",
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
@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("POST", "/cancel"), ("GET", "/events")])
def test_an_unknown_job_is_404(http: httpx.Client, job_id: str, method: str, suffix: str) -> None:
    response = http.request(method, f"/v1/jobs/{job_id}{suffix}")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (404, "not_found", "job_id")
    assert error["message"].startswith("no job")
