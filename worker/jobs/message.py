"""The message that wakes a worker for a job, as Celery and kombu would write it to Redis."""

import base64
from typing import Any
from uuid import uuid4

from pydantic_core import to_json

from worker.jobs.job import Job, Priority

#: Name of the task that runs a job; its only argument is the job's id.
TASK = "kandinsky.run"
#: Message priorities, 0 first.
PRIORITIES = {Priority.INTERACTIVE: 0, Priority.BATCH: 6}
#: What stands between the name of a queue and a priority in the name of a list.
SEPARATOR = ":"

#: What becomes of the task, as version 2 of Celery's protocol has it: nothing but that it is run.
_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_HEADERS: dict[str, Any] = {
    "lang": "py",
    "task": TASK,
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": [None, None],
    "parent_id": None,
    "kwargsrepr": "{}",
    "origin": "kandinsky",
    "ignore_result": True,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}


def messages_key(queue: str, priority: Priority) -> str:
    """Key of the list in which kombu keeps the messages of one priority."""
    number = PRIORITIES[priority]
    return f"{queue}{SEPARATOR}{number}" if number else queue


def message(job: Job) -> str:
    """What `send_task` would push to the list of a job's queue and priority."""
    headers = {"id": job.id, "root_id": job.id, "argsrepr": repr([job.id])}
    envelope: dict[str, Any] = {
        "body": base64.b64encode(to_json([[job.id], {}, _EMBED])).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": _HEADERS | headers,
        "properties": {
            "correlation_id": job.id,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": job.queue},
            "priority": PRIORITIES[job.priority],
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }
    return to_json(envelope).decode()
