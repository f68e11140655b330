"""Admission: what a plan and its caller make of a job."""

from datetime import UTC, datetime, timedelta

import pytest

from service.access.callers import Caller
from service.intake.admission import admit
from service.planning.plan import make_plan
from service.requests import TextToImageRequest
from tests.service.conftest import CARD
from worker.jobs.job import Job, Priority, Webhook, WebhookEvent
from worker.jobs.stages import Kind


def admitted(caller: Caller, webhook: Webhook | None = None, **fields: object) -> Job:
    request = TextToImageRequest.model_validate({"prompt": "x", **fields})
    return admit(make_plan(request, {Kind.TEXT_TO_IMAGE: CARD}, None), caller, "request-1", webhook)


@pytest.mark.parametrize(
    ("granted", "asked", "given"),
    [
        (Priority.INTERACTIVE, "interactive", Priority.INTERACTIVE),
        (Priority.INTERACTIVE, "batch", Priority.BATCH),
        (Priority.BATCH, "interactive", Priority.BATCH),
        (Priority.BATCH, "batch", Priority.BATCH),
    ],
)
def test_no_priority_is_higher_than_the_key_grants(granted: Priority, asked: str, given: Priority) -> None:
    assert admitted(Caller(priority=granted), priority=asked).priority is given


def test_the_job_is_its_callers() -> None:
    job = admitted(Caller(owner="key_1"))
    assert (job.owner, job.request_id) == ("key_1", "request-1")


def test_the_deadline_counts_from_now() -> None:
    deadline = admitted(Caller(), deadline_seconds=60).deadline_at
    assert deadline is not None
    assert timedelta(seconds=30) < deadline - datetime.now(UTC) <= timedelta(seconds=60)


def test_the_webhook_goes_with_the_job() -> None:
    webhook = Webhook(url="https://a.example", events=(WebhookEvent.FAILED,), job_url="https://b.example")
    assert admitted(Caller(), webhook).webhook == webhook


def test_equal_requests_get_seeds_and_ids_of_their_own() -> None:
    first, second = admitted(Caller()), admitted(Caller())
    assert first.id != second.id
    assert first.stages != second.stages
