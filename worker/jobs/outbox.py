"""The outbox: what webhooks are still to be told, put there in the same step in which it comes about."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from pydantic import TypeAdapter
from redis import Redis

from worker.jobs.job import Delivery, Status, WebhookEvent
from worker.jobs.record import record_key

#: Messages "<job id> <status>", by the time from which they are to be sent.
DUE = "webhooks:due"
#: How many attempts to deliver a job keeps.
MAX_LOGGED = 50

_TEXTS = TypeAdapter(list[str])


@dataclass(frozen=True)
class Message:
    """Word that a job has come to a status, which this process holds until the lease ends."""

    job_id: str
    status: Status
    #: As Redis writes the end of the lease, in ms since 1970.
    lease: str

    @property
    def event(self) -> WebhookEvent:
        """What it tells."""
        return WebhookEvent(f"job.{self.status}")

    @property
    def id(self) -> str:
        """The same in every attempt, so that receivers know what they have had."""
        return f"{self.job_id}.{self.status}"


class Outbox:
    """All messages in one Redis database. Redis failures come out as `redis.exceptions.RedisError`."""

    def __init__(self, redis: Redis) -> None:
        scripts = files("worker.jobs").joinpath("lua")
        self._redis = redis
        self._claim = redis.register_script(scripts.joinpath("claim_messages.lua").read_text())
        self._settle = redis.register_script(scripts.joinpath("settle_message.lua").read_text())

    def claim(self, num_messages: int, lease_seconds: float) -> list[Message]:
        """At most so many messages that are due, longest due first.

        Each comes again when its lease ends, to whoever asks then, unless it is settled or postponed before.
        """
        claimed = self._claim([DUE], [num_messages, int(lease_seconds * 1000)])
        lease, *texts = _TEXTS.validate_python(claimed)
        return [_message(text, lease) for text in texts]

    def settle(self, message: Message, delivery: Delivery) -> bool:
        """Log an attempt on its job, and have the message come again when it says so, or never.

        Returns whether the lease still held; when it did not, the message is another's: nothing is written.
        """
        following = delivery.next_attempt_at
        pause = None if following is None else (following - datetime.now(UTC)).total_seconds()
        return self._put_off(message, pause, delivery.model_dump_json())

    def postpone(self, message: Message, seconds: float) -> bool:
        """Have a message that was not attempted come again later; returns whether the lease still held."""
        return self._put_off(message, seconds)

    def drop_if_gone(self, message: Message) -> bool:
        """Drop a message whose job has gone, and leave any other be; returns whether it was dropped."""
        gone = not self._redis.exists(record_key(message.job_id))
        return gone and self._put_off(message, None)

    def num_waiting(self) -> int:
        """How many messages have not been delivered or given up."""
        return int(self._redis.zcard(DUE))

    def _put_off(self, message: Message, seconds: float | None, attempt: str = "") -> bool:
        due = "" if seconds is None else int(seconds * 1000)
        text = f"{message.job_id} {message.status}"
        arguments = [text, message.lease, due, attempt, MAX_LOGGED]
        return bool(self._settle([DUE, record_key(message.job_id)], arguments))


def _message(text: str, lease: str) -> Message:
    job_id, status = text.split(" ")
    return Message(job_id, Status(status), lease)
