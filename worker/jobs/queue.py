"""The queue: wakes a worker with the id of a job, and carries nothing else.

What the gateway sends is written by the script that creates the job; workers send again what was handed back
or was lost.
"""

from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from pydantic_core import from_json
from redis import Redis

from worker.jobs.errors import QueueUnavailable
from worker.jobs.job import Job, Priority
from worker.jobs.message import PRIORITIES, SEPARATOR, TASK, messages_key
from worker.jobs.settings import JobSettings

_TRANSPORT: dict[str, Any] = {
    "sep": SEPARATOR,
    "priority_steps": list(range(10)),
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "socket_timeout": 5,
    # One shorter than a job would start it a second time; the reaper finds lost messages.
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}


def celery_app(settings: JobSettings) -> Celery:
    """The Celery application of a worker; connects to nothing yet."""
    app = Celery("kandinsky", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=16,
        broker_transport_options=_TRANSPORT,
        task_publish_retry_policy={
            "max_retries": 1,
            "interval_start": 0.05,
            "interval_step": 0,
            "interval_max": 0.05,
        },
    )
    return app


class JobQueue:
    """Sends jobs to the workers."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, job: Job) -> None:
        """Wake a worker for a queued job; to send one twice is harmless. Raises QueueUnavailable."""
        try:
            self._app.send_task(
                TASK,
                args=[job.id],
                task_id=job.id,
                queue=job.queue,
                priority=PRIORITIES[job.priority],
            )
        except OperationalError as error:
            raise QueueUnavailable(f"the broker did not take job {job.id}: {error}") from error


def waiting(redis: Redis, queue: str) -> set[str]:
    """Ids of the jobs that have a message in a queue."""
    messages = [text for priority in Priority for text in redis.lrange(messages_key(queue, priority), 0, -1)]
    return {from_json(message)["headers"]["id"] for message in messages}


def promote_oldest(redis: Redis, queue: str) -> None:
    """Let the oldest message of the lowest priority be the next one taken."""
    redis.lmove(
        messages_key(queue, Priority.BATCH), messages_key(queue, Priority.INTERACTIVE), "RIGHT", "RIGHT"
    )
