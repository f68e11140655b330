"""What a webhook is told."""

import json
from datetime import UTC, datetime

from standardwebhooks import Webhook as Verifier

from tests.worker.webhooks.conftest import JOB_URL
from worker.jobs.job import Job, Output, Receipt, Status, WebhookEvent
from worker.jobs.outbox import Message
from worker.jobs.store import Claim, JobStore
from worker.webhooks.content import occurred_at, write_body, write_headers

SECRETS = ("whsec_" + "a" * 43 + "=", "whsec_" + "b" * 43 + "=")


def succeeded(store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt) -> Job:
    return store.succeed(claim, receipt, outputs, text="a cat")


def test_the_body(store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt) -> None:
    job = succeeded(store, claim, outputs, receipt)
    body = json.loads(write_body(job, WebhookEvent.SUCCEEDED, JOB_URL))
    assert list(body) == ["type", "timestamp", "data"]
    assert body["type"] == "job.succeeded"
    assert body["timestamp"] == body["data"]["ended_at"]
    assert body["data"] == {
        "id": job.id,
        "kind": "text-to-image",
        "status": "succeeded",
        "url": JOB_URL,
        "text": "a cat",
        "outputs": [
            {
                "id": f"{job.id}-{index}",
                "index": index,
                "width": 64,
                "height": 64,
                "seed": 7,
                "content_type": "image/png",
                "blurhash": None,
                "censored": False,
            }
            for index in range(2)
        ],
        "error": None,
        "metadata": {},
        "created_at": body["data"]["created_at"],
        "started_at": body["data"]["started_at"],
        "ended_at": body["data"]["ended_at"],
    }


def test_when_a_job_came_to_run(claim: Claim) -> None:
    assert claim.job.stage_started_at is not None
    assert occurred_at(claim.job, WebhookEvent.RUNNING) == claim.job.stage_started_at


def test_each_secret_signs() -> None:
    now = datetime.now(UTC)
    message = Message("job_1", Status.CANCELED, lease="1")
    headers = write_headers(message, "request-7", '{"a":"б"}', SECRETS, now)
    for secret in SECRETS:
        assert Verifier(secret).verify('{"a":"б"}', headers) == {"a": "б"}
    assert (headers["webhook-id"], headers["X-Request-ID"]) == ("job_1.canceled", "request-7")


def test_a_job_without_a_request_id_tells_none() -> None:
    message = Message("job_1", Status.CANCELED, lease="1")
    assert "X-Request-ID" not in write_headers(message, "", "{}", SECRETS, datetime.now(UTC))
