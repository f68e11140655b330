"""The message that wakes a worker: it is Celery's own, to the letter."""

import base64
import json
from typing import Any

from redis import Redis

from tests.worker.conftest import MakeJob
from worker.jobs.job import Priority
from worker.jobs.message import message, messages_key
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.settings import JobSettings

#: What says who sent a message, or is drawn anew for each.
OF_THE_SENDER = ("origin", "reply_to", "delivery_tag", "ignore_result")


def read(text: str | bytes) -> dict[str, Any]:
    envelope: dict[str, Any] = json.loads(text)
    envelope["body"] = json.loads(base64.b64decode(envelope["body"]))
    for name in OF_THE_SENDER:
        envelope["headers"].pop(name, None)
        envelope["properties"].pop(name, None)
    return envelope


def test_it_is_what_celery_sends(valkey_url: str, redis: Redis, make_job: MakeJob) -> None:
    for priority in Priority:
        job = make_job(priority=priority)
        with celery_app(JobSettings(redis_url=valkey_url)) as app:
            JobQueue(app).send(job)
        [sent] = redis.lrange(messages_key(job.queue, priority), 0, -1)
        assert read(message(job)) == read(sent)


def test_each_can_be_acknowledged(make_job: MakeJob) -> None:
    job = make_job()
    tags = {json.loads(message(job))["properties"]["delivery_tag"] for _ in range(2)}
    assert len(tags) == 2
