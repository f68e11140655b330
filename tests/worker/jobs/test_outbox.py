"""Messages to webhooks: none is lost, and each is one sender's at a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from tests.polling import until
from tests.worker.conftest import MakeJob
from tests.worker.stages import text_to_image
from worker.jobs.job import Delivery, Job, Receipt, Status, Webhook, WebhookEvent, new_job_id
from worker.jobs.outbox import DUE, MAX_LOGGED, Message, Outbox
from worker.jobs.store import JobStore

WEBHOOK = Webhook(
    url="https://example.com/hook",
    events=(WebhookEvent.RUNNING, WebhookEvent.CANCELED),
    job_url="https://kandinsky.example/v1/jobs/1",
)
End = Callable[[], Job]


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis)


@pytest.fixture
def end(store: JobStore, make_job: MakeJob) -> End:
    """Makes a job whose webhook is to be told that it was canceled."""
    return lambda: store.cancel(store.create(make_job(webhook=WEBHOOK)).id)


def attempt(pause: float | None = None, error: str | None = None) -> Delivery:
    now = datetime.now(UTC)
    following = None if pause is None else now + timedelta(seconds=pause)
    return Delivery(
        event=WebhookEvent.CANCELED, attempt=1, attempted_at=now, error=error, next_attempt_at=following
    )


def claim(outbox: Outbox, lease_seconds: float = 60) -> Message:
    [message] = outbox.claim(10, lease_seconds)
    return message


def test_only_what_a_webhook_listens_to_is_told(outbox: Outbox, store: JobStore, make_job: MakeJob) -> None:
    told = store.create(make_job(webhook=WEBHOOK))
    for job in (told, store.create(make_job())):
        running = store.claim(job.id, "worker-1", 60)
        assert running is not None
        store.hand_back(running)
    message = claim(outbox)
    assert (message.job_id, message.event) == (told.id, WebhookEvent.RUNNING)
    assert message.id == f"{told.id}.running"


def test_that_a_job_runs_is_told_of_its_first_stage_alone(
    outbox: Outbox, store: JobStore, make_job: MakeJob, receipt: Receipt
) -> None:
    first, second = text_to_image(), text_to_image()
    job = store.create(make_job(stages=(first, second), webhook=WEBHOOK))
    running = store.claim(job.id, "worker-1", 60)
    assert running is not None
    outbox.settle(claim(outbox), attempt())
    store.advance(running, receipt)
    assert store.claim(job.id, "worker-1", 60) is not None
    assert outbox.num_waiting() == 0


def test_a_message_is_one_senders_at_a_time(outbox: Outbox, end: End) -> None:
    end()
    assert len(outbox.claim(10, 60)) == 1
    assert outbox.claim(10, 60) == []


def test_no_more_are_taken_than_asked_for(outbox: Outbox, end: End) -> None:
    jobs = [end().id for _ in range(3)]
    first, second = outbox.claim(2, 60), outbox.claim(2, 60)
    assert (len(first), len(second)) == (2, 1)
    assert sorted(message.job_id for message in (*first, *second)) == sorted(jobs)


def test_what_a_dead_sender_held_comes_again(outbox: Outbox, end: End) -> None:
    job = end()
    assert outbox.claim(10, lease_seconds=0.01)
    until(lambda: [message.job_id for message in outbox.claim(10, 60)] == [job.id])


def test_what_was_heard_is_logged_and_gone(outbox: Outbox, end: End, store: JobStore) -> None:
    job, delivery = end(), attempt()
    assert outbox.settle(claim(outbox), delivery)
    assert store.get(job.id).deliveries == (delivery,)
    assert outbox.num_waiting() == 0


def test_what_was_not_heard_comes_again_in_its_time(outbox: Outbox, end: End, redis: Redis) -> None:
    end()
    assert outbox.settle(claim(outbox), attempt(pause=100))
    [(_, due)] = redis.zrange(DUE, 0, -1, withscores=True)
    assert 90 < due / 1000 - redis.time()[0] < 101


def test_attempts_pile_up_to_a_limit(outbox: Outbox, end: End, store: JobStore) -> None:
    job = end()
    for number in range(MAX_LOGGED + 2):
        outbox.settle(claim(outbox), attempt(pause=0, error=f"«{number}»"))
    errors = [delivery.error for delivery in store.get(job.id).deliveries]
    assert errors == [f"«{number}»" for number in range(2, MAX_LOGGED + 2)]


def test_a_late_sender_changes_nothing(outbox: Outbox, end: End, store: JobStore) -> None:
    job = end()
    late = claim(outbox, lease_seconds=0)
    present = claim(outbox)
    assert not outbox.settle(late, attempt())
    assert not outbox.postpone(late, 0)
    assert store.get(job.id).deliveries == ()
    assert outbox.settle(present, attempt())


def test_a_postponed_message_comes_again_unlogged(outbox: Outbox, end: End, store: JobStore) -> None:
    job = end()
    assert outbox.postpone(claim(outbox), 0)
    assert claim(outbox).job_id == job.id
    assert store.get(job.id).deliveries == ()


def test_a_removed_job_is_not_made_anew(outbox: Outbox, end: End, store: JobStore, redis: Redis) -> None:
    job = end()
    message = claim(outbox)
    store.remove(job.id)
    assert outbox.settle(message, attempt(pause=0))
    assert (outbox.num_waiting(), redis.exists(f"job:{job.id}")) == (0, 0)


def test_messages_of_jobs_that_are_gone_can_be_dropped(outbox: Outbox, end: End, redis: Redis) -> None:
    end()
    redis.zadd(DUE, {f"{new_job_id()} {Status.FAILED}": 0})
    messages = outbox.claim(10, 60)
    assert [outbox.drop_if_gone(message) for message in messages] == [True, False]
    assert outbox.num_waiting() == 1
