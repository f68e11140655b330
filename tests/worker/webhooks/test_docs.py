"""The page about webhooks shows what works."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.polling import until
from tests.worker.webhooks.conftest import CancelJob
from worker.jobs.addresses import Guard
from worker.jobs.job import Delivery
from worker.jobs.keys import KeyStore
from worker.jobs.outbox import Outbox
from worker.jobs.store import JobStore
from worker.webhooks.content import Body
from worker.webhooks.sender import WebhookSender

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
[RECEIVER] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
BODY, DELIVERY = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@dataclass(frozen=True)
class Example:
    """The receiver of the page, as a process of its own."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def example(tmp_path: Path, redis: Redis) -> Iterator[Example]:
    file = tmp_path / "receiver.py"
    file.write_text(RECEIVER, encoding="utf-8")
    [secret] = KeyStore(redis).webhook_secrets("key-1")
    with subprocess.Popen(
        [sys.executable, str(file), "0"],
        env={"WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Example(process)
        process.kill()


def url_of(example: Example) -> str:
    return f"http://127.0.0.1:{example.line().split()[-1]}/"


def test_the_receiver_takes_what_is_ours(
    example: Example, cancel_job: CancelJob, store: JobStore, redis: Redis
) -> None:
    job = cancel_job(url_of(example), owner="key-1", metadata={"order": 1041})
    with WebhookSender(store, redis, Guard.of("127.0.0.0/8")):
        assert example.line() == f"job.canceled {job.id} {{'order': 1041}}\n"
        until(lambda: not Outbox(redis).num_waiting())
    assert [delivery.status_code for delivery in store.get(job.id).deliveries] == [204]


def test_the_receiver_refuses_what_is_not(example: Example) -> None:
    headers = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,bm8="}
    assert httpx.post(url_of(example), content="{}", headers=headers).status_code == 401


def test_the_body_is_shown_as_it_is() -> None:
    shown, told = json.loads(BODY), Body.model_validate_json(BODY).model_dump(mode="json")
    assert list(told) == list(shown)
    assert list(told["data"]) == list(shown["data"])
    assert list(told["data"]["outputs"][0]) == list(shown["data"]["outputs"][0])


def test_a_delivery_is_shown_as_it_is() -> None:
    assert list(Delivery.model_validate_json(DELIVERY).model_dump()) == list(json.loads(DELIVERY))
