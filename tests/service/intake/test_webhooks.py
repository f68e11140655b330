"""Whom a request wants told."""

import pytest

from service.errors import InvalidRequest
from service.intake.webhooks import ENDS, read_webhook
from worker.jobs.addresses import Guard
from worker.jobs.job import Webhook, WebhookEvent

URL = "https://example.com/hook"
JOB_URL = "https://kandinsky.example/v1/jobs/1"


def test_a_request_without_one() -> None:
    assert read_webhook(None, None, JOB_URL, Guard()) is None


def test_all_ends_are_told_by_default() -> None:
    assert read_webhook(URL, None, JOB_URL, Guard()) == Webhook(url=URL, events=ENDS, job_url=JOB_URL)


def test_each_event_is_told_once() -> None:
    webhook = read_webhook(URL, [WebhookEvent.RUNNING, WebhookEvent.RUNNING], JOB_URL, Guard())
    assert webhook is not None
    assert webhook.events == (WebhookEvent.RUNNING,)


def test_events_of_nothing_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="webhook_events needs a webhook_url") as refused:
        read_webhook(None, [WebhookEvent.RUNNING], JOB_URL, Guard())
    assert refused.value.param == "webhook_events"


def test_an_address_that_is_not_public_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^webhook_url is at 10\.0\.0\.1, not a public") as refused:
        read_webhook("https://10.0.0.1/", None, JOB_URL, Guard())
    assert refused.value.param == "webhook_url"
