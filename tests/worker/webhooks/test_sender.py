"""Every message is told, whatever receivers and workers do."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis import Redis
from standardwebhooks import Webhook as Verifier
from structlog.testing import capture_logs

from tests.polling import until
from tests.receivers import Receiver, Reply
from tests.worker.webhooks.conftest import CancelJob
from worker import periodic
from worker.jobs.addresses import Guard
from worker.jobs.keys import KeyStore
from worker.jobs.outbox import DUE, Outbox
from worker.jobs.store import JobStore
from worker.webhooks import sender
from worker.webhooks.retrying import RetryRules
from worker.webhooks.sender import SendRules, WebhookSender
from worker.webhooks.slots import SlotLimits

LOOPBACK = Guard.of("127.0.0.0/8")
#: Everything happens at once.
RULES = SendRules(interval_seconds=0.01, retries=RetryRules(first_pause_seconds=0.01, growth=1))
Start = Callable[..., WebhookSender]


@pytest.fixture
def start(store: JobStore, redis: Redis) -> Iterator[Start]:
    """Starts a sender; keywords set its rules."""
    with ExitStack() as stack:

        def start(guard: Guard = LOOPBACK, **rules: object) -> WebhookSender:
            new = WebhookSender(store, redis, guard, replace(RULES, **rules))  # type: ignore[arg-type]
            return stack.enter_context(new)

        yield start


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis)


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("kandinsky_webhook_deliveries_total", {"outcome": outcome}) or 0


def test_a_message_is_told_and_verified(
    start: Start, cancel_job: CancelJob, outbox: Outbox, redis: Redis
) -> None:
    with Receiver() as receiver:
        job = cancel_job(receiver.url, owner="key-1", request_id="request-7", metadata={"order": 1})
        start()
        until(lambda: not outbox.num_waiting())
    [told] = receiver.told
    for secret in KeyStore(redis).webhook_secrets("key-1"):
        body = Verifier(secret).verify(told.body, told.headers)
        assert (body["type"], body["data"]["id"]) == ("job.canceled", job.id)
    assert (told.headers["x-request-id"], told.headers["content-type"]) == ("request-7", "application/json")


def test_both_secrets_sign_while_they_overlap(
    start: Start, cancel_job: CancelJob, outbox: Outbox, redis: Redis
) -> None:
    keys = KeyStore(redis)
    [old] = keys.webhook_secrets("key-1")
    new = keys.rotate_webhook_secret("key-1", overlap_seconds=60)
    with Receiver() as receiver:
        cancel_job(receiver.url, owner="key-1")
        start()
        until(lambda: not outbox.num_waiting())
    for secret in (old, new):
        Verifier(secret).verify(receiver.told[0].body, receiver.told[0].headers)


def test_it_is_told_again_until_heard(
    start: Start, cancel_job: CancelJob, store: JobStore, outbox: Outbox
) -> None:
    with Receiver(Reply(500), Reply(302), Reply(200)) as receiver:
        job = cancel_job(receiver.url)
        start()
        until(lambda: not outbox.num_waiting())
    assert {told.headers["webhook-id"] for told in receiver.told} == {f"{job.id}.canceled"}
    assert len({told.body for told in receiver.told}) == 1
    deliveries = store.get(job.id).deliveries
    assert [(each.attempt, each.status_code) for each in deliveries] == [(1, 500), (2, 302), (3, 200)]
    assert [each.next_attempt_at is None for each in deliveries] == [False, False, True]


def test_a_receiver_may_refuse_for_good(
    start: Start, cancel_job: CancelJob, store: JobStore, outbox: Outbox
) -> None:
    before = counted("given_up")
    with Receiver(Reply(410)) as receiver:
        job = cancel_job(receiver.url)
        start()
        until(lambda: counted("given_up") == before + 1)
    assert [each.next_attempt_at for each in store.get(job.id).deliveries] == [None]
    assert (len(receiver.told), outbox.num_waiting()) == (1, 0)


def test_a_receiver_may_ask_for_a_pause(start: Start, cancel_job: CancelJob, store: JobStore) -> None:
    slow = Reply(503, {"Retry-After": "600"}, wait=lambda: time.sleep(0.5))
    with Receiver(slow) as receiver:
        job = cancel_job(receiver.url)
        start()
        until(lambda: store.get(job.id).deliveries)
    [delivery] = store.get(job.id).deliveries
    assert delivery.next_attempt_at is not None
    # From the answer on.
    assert 600.5 <= (delivery.next_attempt_at - delivery.attempted_at).total_seconds() < 620


def test_it_is_given_up_in_the_end(
    start: Start, cancel_job: CancelJob, store: JobStore, outbox: Outbox
) -> None:
    rules = replace(RULES.retries, patience_seconds=0.2)
    with Receiver(Reply(500)) as receiver, capture_logs() as logs:
        job = cancel_job(receiver.url)
        start(retries=rules)
        until(lambda: "webhook given_up" in [entry["event"] for entry in logs])
    *_, last = store.get(job.id).deliveries
    assert (last.status_code, last.next_attempt_at) == (500, None)
    assert outbox.num_waiting() == 0


def test_a_slow_receiver_keeps_only_itself(start: Start, cancel_job: CancelJob, store: JobStore) -> None:
    over = threading.Event()
    with Receiver(Reply(wait=over.wait)) as slow, Receiver() as quick:
        for _ in range(100):
            cancel_job(slow.url)
        start(slots=SlotLimits(num_slots=20, per_host=4))
        until(lambda: len(slow.told) == 4)
        heard = cancel_job(f"http://127.1:{quick.port}/")
        until(lambda: store.get(heard.id).deliveries)
        assert len(slow.told) == 4
        over.set()


def test_a_name_server_that_is_silent_keeps_only_the_names_it_is_asked_for(
    start: Start, cancel_job: CancelJob, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups, over, look_up = [], threading.Event(), socket.getaddrinfo

    def getaddrinfo(host: str, *rest: Any, **hints: Any) -> Any:
        if host.endswith(".silent.example"):
            lookups.append(host)
            over.wait(30)
        return look_up(host, *rest, **hints)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with Receiver() as receiver:
        for number in range(6):
            cancel_job(f"https://{number}.silent.example/", owner="attacker")
        start(timeout_seconds=0.1, slots=SlotLimits(num_slots=3, per_owner=2), retries=RetryRules())
        until(lambda: len(lookups) == 6)
        cancel_job(receiver.url, owner="other")
        until(lambda: receiver.told)
        over.set()


def test_what_a_killed_sender_held_is_told_by_another(
    start: Start, cancel_job: CancelJob, outbox: Outbox
) -> None:
    with Receiver() as receiver:
        cancel_job(receiver.url)
        assert outbox.claim(10, lease_seconds=0.1)
        start()
        until(lambda: not outbox.num_waiting())
    assert len(receiver.told) == 1


def test_what_a_stopping_sender_holds_is_due_at_once(
    start: Start, cancel_job: CancelJob, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "STOP_SECONDS", 0)
    over = threading.Event()
    with Receiver(Reply(wait=over.wait)) as receiver:
        job = cancel_job(receiver.url)
        stopping = start()
        until(lambda: receiver.told)
        stopping.stop()
        assert [message.job_id for message in outbox.claim(10, 60)] == [job.id]
        over.set()


def test_several_senders_tell_it_once(start: Start, cancel_job: CancelJob, outbox: Outbox) -> None:
    with Receiver() as receiver:
        jobs = {cancel_job(receiver.url).id for _ in range(50)}
        for _ in range(3):
            start(slots=SlotLimits(per_host=50))
        until(lambda: not outbox.num_waiting())
    assert len(receiver.told) == len(jobs)
    assert {json.loads(told.body)["data"]["id"] for told in receiver.told} == jobs


def test_a_job_that_has_gone_is_told_no_more(
    start: Start, cancel_job: CancelJob, store: JobStore, outbox: Outbox
) -> None:
    before = counted("dropped")
    with Receiver() as receiver:
        store.remove(cancel_job(receiver.url).id)
        start()
        until(lambda: counted("dropped") == before + 1)
    assert (receiver.told, outbox.num_waiting()) == ([], 0)


def test_a_private_address_is_never_told(start: Start, cancel_job: CancelJob, store: JobStore) -> None:
    with Receiver() as receiver:
        job = cancel_job(receiver.url)
        start(guard=Guard())
        until(lambda: store.get(job.id).deliveries)
    assert receiver.told == []
    assert "not a public address" in str(store.get(job.id).deliveries[0].error)


def test_one_bad_message_does_not_keep_the_others(
    start: Start, cancel_job: CancelJob, outbox: Outbox, redis: Redis
) -> None:
    with Receiver() as receiver, capture_logs() as logs:
        redis.set("keys:webhook-secrets:bad", "[{]")
        cancel_job(receiver.url, owner="bad")
        good = cancel_job(receiver.url, owner="good")
        start()
        until(lambda: outbox.num_waiting() == 1)
        until(lambda: "webhook message fails" in [entry["event"] for entry in logs])
    assert [json.loads(told.body)["data"]["id"] for told in receiver.told] == [good.id]


def test_it_goes_on_after_an_outage(
    start: Start, cancel_job: CancelJob, outbox: Outbox, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "PAUSE_SECONDS", 0)
    redis.set(DUE, "not a sorted set")
    with Receiver() as receiver, capture_logs() as logs:
        start()
        until(lambda: [entry for entry in logs if entry["event"] == "periodic action fails"])
        redis.delete(DUE)
        cancel_job(receiver.url)
        until(lambda: receiver.told and not outbox.num_waiting())


def test_secrets_are_in_no_log(start: Start, cancel_job: CancelJob, outbox: Outbox, redis: Redis) -> None:
    [secret] = KeyStore(redis).webhook_secrets("key-1")
    with Receiver(Reply(500), Reply(200)) as receiver, capture_logs() as logs:
        cancel_job(receiver.url, owner="key-1")
        start()
        until(lambda: not outbox.num_waiting())
    assert secret not in str(logs)
    assert receiver.told[0].headers["webhook-signature"] not in str(logs)
