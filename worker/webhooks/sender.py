"""Sends what is in the outbox, from a thread of every worker."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import httpx
import structlog
from redis import Redis

from worker import metrics
from worker.jobs.addresses import Guard
from worker.jobs.errors import JobNotFound
from worker.jobs.job import Delivery, Job, Webhook
from worker.jobs.keys import KeyStore
from worker.jobs.outbound import EXCHANGE_SECONDS, open_client
from worker.jobs.outbox import Message, Outbox
from worker.jobs.store import JobStore
from worker.periodic import Periodic
from worker.webhooks.content import occurred_at, write_body, write_headers
from worker.webhooks.delivery import Answer, deliver
from worker.webhooks.retrying import RetryRules
from worker.webhooks.slots import SlotLimits, Slots

#: How many messages are taken from the outbox at once.
BATCH = 32
#: Looking up a name takes a thread, which a silent name server keeps for long after the message was given up.
LOOKUPS_PER_SLOT = 8
#: How long messages that are under way may take when the worker stops, before others send them again.
STOP_SECONDS = 2.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SendRules:
    """How messages are sent."""

    #: Pause between two looks into the outbox.
    interval_seconds: float = 0.5
    #: How long a receiver may take to answer.
    timeout_seconds: float = EXCHANGE_SECONDS
    #: After how long a message that a sender has taken and not settled is another's.
    lease_seconds: float = 60
    retries: RetryRules = field(default_factory=RetryRules)
    slots: SlotLimits = field(default_factory=SlotLimits)


class WebhookSender(Periodic):
    """Sends messages side by side on an event loop of its own, so that a slow receiver keeps only itself.

    Redis is asked from that loop: it answers within a millisecond, and while it does not nothing can be sent.
    """

    def __init__(self, jobs: JobStore, redis: Redis, guard: Guard, rules: SendRules | None = None) -> None:
        super().__init__("webhook sender", 0, self._take_turn)
        self._jobs = jobs
        self._keys = KeyStore(redis)
        self._outbox = Outbox(redis)
        self._rules = rules or SendRules()
        self._slots = Slots(self._rules.slots)
        self._client = open_client(guard)
        self._tasks: set[asyncio.Task[None]] = set()

    def _run(self) -> None:
        with closing(asyncio.new_event_loop()) as self._loop:
            num_lookups = self._rules.slots.num_slots * LOOKUPS_PER_SLOT
            self._loop.set_default_executor(ThreadPoolExecutor(num_lookups, "webhook names"))
            super()._run()
            self._loop.run_until_complete(self._finish())

    def _take_turn(self) -> None:
        self._loop.run_until_complete(self._turn())

    async def _turn(self) -> None:
        wanted = min(BATCH, self._slots.num_free)
        messages = self._outbox.claim(wanted, self._rules.lease_seconds) if wanted else []
        self._begin(messages)
        # A full batch means that there may be more.
        pause = 0 if len(messages) == BATCH else self._rules.interval_seconds
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(pause)

    def _begin(self, messages: Sequence[Message]) -> None:
        for message in messages:
            job = self._find(message)
            if job is None or job.webhook is None:
                continue
            host = httpx.URL(job.webhook.url).host
            if not self._slots.has_room(host, job.owner):
                self._outbox.postpone(message, self._slots.pause(host, job.owner, self._loop.time()))
                continue
            self._slots.take(host, job.owner)
            task = self._loop.create_task(self._send(message, job, job.webhook))
            task.add_done_callback(partial(self._end, host, job.owner, self._loop.time()))
            self._tasks.add(task)

    def _end(self, host: str, owner: str, began_at: float, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.free(host, owner, began_at, self._loop.time())

    async def _send(self, message: Message, job: Job, webhook: Webhook) -> None:
        try:
            await self._attempt(message, job, webhook)
        except asyncio.CancelledError:
            self._outbox.postpone(message, 0)
            raise
        # Nothing that is wrong with one message may keep the others; this one comes again with its lease.
        except Exception:
            logger.exception("webhook message fails", job_id=job.id, webhook_event=message.event)

    async def _attempt(self, message: Message, job: Job, webhook: Webhook) -> None:
        now = datetime.now(UTC)
        body = write_body(job, message.event, webhook.job_url)
        secrets = self._keys.webhook_secrets(job.owner)
        headers = write_headers(message, job.request_id, body, secrets, now)
        answer = await deliver(self._client, webhook.url, body, headers, self._rules.timeout_seconds)
        delivery = self._judge(message, job, answer, now)
        if self._outbox.settle(message, delivery):
            _tell(message, job, answer, delivery)

    def _judge(self, message: Message, job: Job, answer: Answer, attempted_at: datetime) -> Delivery:
        attempt = 1 + sum(past.event is message.event for past in job.deliveries)
        following = None
        if not (answer.is_heard or answer.is_refused):
            occurred = occurred_at(job, message.event)
            following = self._rules.retries.next_attempt_at(
                datetime.now(UTC), occurred, attempt, answer.retry_after
            )
        return Delivery(
            event=message.event,
            attempt=attempt,
            attempted_at=attempted_at,
            status_code=answer.status_code,
            error=answer.error,
            next_attempt_at=following,
        )

    def _find(self, message: Message) -> Job | None:
        try:
            return self._jobs.get(message.job_id)
        except JobNotFound:
            if self._outbox.drop_if_gone(message):
                metrics.WEBHOOK_DELIVERIES.labels("dropped").inc()
                logger.warning("webhook dropped", job_id=message.job_id, webhook_event=message.event)
            return None

    async def _finish(self) -> None:
        """Ends what is under way: in order if it takes no longer than a moment, else others send it again."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._client.aclose()


def _tell(message: Message, job: Job, answer: Answer, delivery: Delivery) -> None:
    """Counts and logs an attempt."""
    missed: metrics.Told = "given_up" if delivery.next_attempt_at is None else "retried"
    outcome: metrics.Told = "delivered" if answer.is_heard else missed
    metrics.WEBHOOK_DELIVERIES.labels(outcome).inc()
    level = logger.info if answer.is_heard else logger.warning
    level(
        f"webhook {outcome}",
        job_id=job.id,
        request_id=job.request_id,
        webhook_event=message.event,
        attempt=delivery.attempt,
        status_code=answer.status_code,
        error=answer.error,
    )
