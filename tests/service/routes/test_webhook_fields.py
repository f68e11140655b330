"""`webhook_url` and `webhook_events` of a request."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from worker.jobs.job import Delivery, WebhookEvent
from worker.jobs.store import JobStore

PATH = "/v1/text-to-image"
URL = "https://hooks.example.com/kandinsky"
Submit = Callable[..., dict[str, Any]]


def test_a_webhook_is_told_how_the_job_ends(submit: Submit, store: JobStore) -> None:
    job = submit(webhook_url=URL)
    webhook = store.get(job["id"]).webhook
    assert webhook is not None
    assert (webhook.url, webhook.job_url) == (URL, job["urls"]["self"])
    assert {event.value for event in webhook.events} == {
        "job.succeeded",
        "job.failed",
        "job.canceled",
        "job.expired",
    }


def test_its_events_can_be_chosen(submit: Submit, store: JobStore) -> None:
    job = store.get(submit(webhook_url=URL, webhook_events=["job.running", "job.failed"])["id"])
    assert job.webhook is not None
    assert job.webhook.events == (WebhookEvent.RUNNING, WebhookEvent.FAILED)


def test_a_job_without_one_tells_nobody(submit: Submit, store: JobStore) -> None:
    assert store.get(submit()["id"]).webhook is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"webhook_url": "https://127.0.0.1/"}, "webhook_url"),
        ({"webhook_url": "ftp://example.com/"}, "webhook_url"),
        ({"webhook_url": "https://user:password@example.com/"}, "webhook_url"),
        ({"webhook_url": ""}, "webhook_url"),
        ({"webhook_url": 7}, "webhook_url"),
        ({"webhook_url": URL, "webhook_events": ["job.exploded"]}, "webhook_events.0"),
        ({"webhook_url": URL, "webhook_events": []}, "webhook_events"),
        ({"webhook_events": ["job.failed"]}, "webhook_events"),
    ],
)
def test_a_bad_webhook_is_refused(http: httpx.Client, fields: dict[str, object], param: str) -> None:
    response = http.post(PATH, json={"prompt": "x", **fields})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", param)


def test_deliveries_are_told(submit: Submit, http: httpx.Client, redis: Any) -> None:
    job = submit(webhook_url=URL)
    delivery = Delivery(
        event=WebhookEvent.CANCELED, attempt=1, attempted_at="2026-11-29T20:00:00Z", status_code=204
    )
    redis.hset(f"job:{job['id']}", "deliveries", f"[{delivery.model_dump_json()}]")
    assert http.get(job["urls"]["self"]).json()["deliveries"] == [delivery.model_dump(mode="json")]
