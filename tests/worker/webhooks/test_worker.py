"""A whole worker tells webhooks what becomes of its jobs."""

import json
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.polling import until
from tests.receivers import Receiver
from tests.worker.conftest import MakeJob
from tests.worker.serving import serving
from tests.worker.stages import text_to_image
from tests.worker.webhooks.conftest import JOB_URL
from worker.jobs.job import Job, Status, Webhook, WebhookEvent
from worker.jobs.outbox import Outbox
from worker.jobs.store import JobStore
from worker.mock.networks import MockNetworks
from worker.settings import WorkerSettings

EVENTS = (WebhookEvent.RUNNING, WebhookEvent.SUCCEEDED, WebhookEvent.FAILED)


@pytest.fixture
def settings(valkey_url: str, images_url: str) -> WorkerSettings:
    return WorkerSettings(
        redis_url=valkey_url, images_url=images_url, allowed_networks="127.0.0.0/8", mock_step_seconds=0
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def job(store: JobStore, make_job: MakeJob, receiver: Receiver) -> Job:
    """A job for the mock model that is not sent yet, and of which the receiver is to be told."""
    webhook = Webhook(url=receiver.url, events=EVENTS, job_url=JOB_URL)
    return make_job(text_to_image(model="mock", width=64, height=64, num_images=1), webhook=webhook)


def test_it_tells_all_that_was_asked_for(
    settings: WorkerSettings, job: Job, store: JobStore, receiver: Receiver, redis: Redis
) -> None:
    with serving(settings, MockNetworks(settings), redis) as queue:
        queue.send(store.create(job))
        until(lambda: store.get(job.id).status is Status.SUCCEEDED and not Outbox(redis).num_waiting())
    told = {json.loads(message.body)["type"] for message in receiver.told}
    assert told == {"job.running", "job.succeeded"}
    assert {delivery.status_code for delivery in store.get(job.id).deliveries} == {200}


def test_it_tells_nothing_when_others_are_to(
    settings: WorkerSettings, job: Job, store: JobStore, receiver: Receiver, redis: Redis
) -> None:
    silent = settings.model_copy(update={"webhooks": False})
    with serving(silent, MockNetworks(silent), redis) as queue:
        queue.send(store.create(job))
        until(lambda: store.get(job.id).status is Status.SUCCEEDED)
    assert (receiver.told, Outbox(redis).num_waiting()) == ([], 2)
