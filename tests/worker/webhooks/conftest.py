"""What the tests of webhooks share."""

from collections.abc import Callable

import pytest

from tests.worker.conftest import MakeJob
from worker.jobs.job import Job, Webhook, WebhookEvent
from worker.jobs.store import JobStore

CancelJob = Callable[..., Job]
JOB_URL = "https://kandinsky.example/v1/jobs/1"


@pytest.fixture
def cancel_job(store: JobStore, make_job: MakeJob) -> CancelJob:
    """Makes a job that is canceled, of which the webhook at `url` is to be told; keywords set its fields."""

    def cancel(url: str, **fields: object) -> Job:
        webhook = Webhook(url=url, events=(WebhookEvent.CANCELED,), job_url=JOB_URL)
        return store.cancel(store.create(make_job(webhook=webhook, **fields)).id)

    return cancel
