"""The client of the HTTP interface."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

import service.client
from service.client import Client, ClientError, ServerEvent, parse_events
from service.requests import TextToImageRequest
from service.up.valkey import free_port
from tests.service.conftest import PICTURE, FakeWorker
from worker.jobs.job import JobError, Status, new_job_id

APPLE = TextToImageRequest(prompt="a red apple", seed=7)


@pytest.fixture
def client(http: httpx.Client) -> Iterator[Client]:
    with Client(str(http.base_url)) as client:
        yield client


def test_a_job_goes_all_the_way(client: Client, worker: FakeWorker, tmp_path: Path) -> None:
    job = client.submit(APPLE)
    player = threading.Thread(target=worker.run, args=(job.id,))
    player.start()
    ended = client.wait(job.id)
    player.join()
    client.save(ended.outputs[0], tmp_path / "apple.png")
    assert (ended.status, ended.input.seed) == (Status.SUCCEEDED, 7)
    assert (tmp_path / "apple.png").read_bytes() == PICTURE


def test_events_end_with_the_job(client: Client, worker: FakeWorker) -> None:
    job = client.submit(APPLE)
    events = client.events(job.id)
    first = next(events)
    worker.run(job.id)
    assert [first.type, *(event.type for event in events)] == ["status", "status", "output", "status"]


def test_cancel_ends_a_job(client: Client) -> None:
    job = client.submit(APPLE)
    assert client.cancel(job.id).status is Status.CANCELED
    assert client.get(job.id).status is Status.CANCELED


def test_a_failed_job_is_no_error_of_the_client(client: Client, worker: FakeWorker) -> None:
    job = client.submit(APPLE)
    worker.store.fail(worker.claim(job.id), JobError(code="internal", message="out of paint"))
    ended = client.wait(job.id)
    assert ended.error == JobError(code="internal", message="out of paint")


def test_a_refusal_carries_the_message_of_the_gateway(client: Client) -> None:
    with pytest.raises(ClientError, match="width should be a multiple of 64") as caught:
        client.submit(APPLE.model_copy(update={"width": 500, "model_fields_set": {"width"}}))
    assert caught.value.code == "invalid_request"


def test_an_unknown_job_is_told(client: Client) -> None:
    with pytest.raises(ClientError, match="no job"):
        next(client.events(new_job_id()))


def test_a_gateway_that_is_not_there_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url) as client, pytest.raises(ClientError, match=f"cannot reach the gateway at {url}"):
        client.submit(APPLE)


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://host"])
def test_a_url_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ClientError), Client(url) as client:
        client.submit(APPLE)


def test_something_else_that_answers_is_told(gateway_url: str) -> None:
    with Client(f"{gateway_url}/docs") as client, pytest.raises(ClientError):
        client.submit(APPLE)


def test_a_stream_that_breaks_off_is_resumed(
    client: Client, redis: Redis, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.client, "RESUME_SECONDS", 0.01)
    job = client.submit(APPLE)
    events = client.events(job.id)
    next(events)
    redis.client_kill_filter(_type="normal", skipme=True)
    claim = worker.claim(job.id)
    for step in (1, 2, 3):
        worker.report(claim, step)
    worker.succeed(claim)
    steps = [event.data["step"] for event in events if event.type == "progress"]
    assert steps == [1, 2, 3]


def test_a_picture_that_cannot_be_written_is_told(client: Client, worker: FakeWorker, tmp_path: Path) -> None:
    job = client.submit(APPLE)
    worker.run(job.id)
    with pytest.raises(ClientError, match="cannot write"):
        client.save(client.get(job.id).outputs[0], tmp_path / "missing" / "apple.png")


def test_comments_and_retry_lines_are_not_events() -> None:
    lines = [": ping", "", "event: progress", 'data: {"step":1}', "id: 1-0", "retry: 9", "", ": ping", ""]
    assert list(parse_events(iter(lines))) == [ServerEvent("progress", "1-0", {"step": 1})]
