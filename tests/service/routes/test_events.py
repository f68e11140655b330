"""GET /v1/jobs/{id}/events: the stream of what happens to a job."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from service.client import Kandinsky, ServerEvent, parse_events
from service.requests import TextToImageRequest
from service.settings import GatewaySettings
from tests.polling import until
from tests.processes import Server
from tests.service.conftest import FakeWorker, serving
from worker.jobs.job import JobError
from worker.jobs.store import JobStore

Submit = Callable[..., dict[str, Any]]


@contextmanager
def streaming(
    http: httpx.Client, job: dict[str, Any], last_id: str | None = None
) -> Iterator[Iterator[ServerEvent]]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with http.stream("GET", job["urls"]["events"], headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield parse_events(response.iter_lines())


def test_a_stream_tells_the_whole_story(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit(steps=2)
    with streaming(http, job) as events:
        first = next(events)
        claim = worker.claim(job["id"])
        worker.report(claim, 1)
        worker.store.report_preview(claim, 1, b"tiny", "image/webp")
        preview = next(event for event in events if event.type == "preview")
        worker.report(claim, 2)
        worker.succeed(claim)
        rest = list(events)
    assert first.data == job
    assert preview.data == {"step": 1, "image": "data:image/webp;base64,dGlueQ=="}
    assert [event.type for event in rest] == ["progress", "output", "status"]
    assert rest[0].data == {"step": 2, "steps": 2, "fraction": 1.0}
    assert rest[1].data == rest[2].data["outputs"][0]
    assert rest[2].data == http.get(job["urls"]["self"]).json()


def test_the_stream_of_an_ended_job_is_one_event(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit()
    worker.run(job["id"])
    with streaming(http, job) as events:
        assert [(event.type, event.data["status"]) for event in events] == [("status", "succeeded")]


def test_a_stream_resumes_after_any_event(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit(steps=3)
    with streaming(http, job) as events:
        story = [next(events)]
        claim = worker.claim(job["id"])
        for step in (1, 2, 3):
            worker.report(claim, step)
        worker.succeed(claim)
        story += events
    for index, seen in enumerate(story[:-1]):
        with streaming(http, job, seen.id) as events:
            assert list(events) == story[index + 1 :]


def test_a_status_event_shows_the_job_as_it_was_then(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit()
    with streaming(http, job) as events:
        start = next(events)
    worker.run(job["id"])
    with streaming(http, job, start.id) as events:
        running = next(events).data
    assert (running["status"], running["ended_at"], running["outputs"]) == ("running", None, [])


def test_after_the_last_event_there_is_nothing(
    submit: Submit, http: httpx.Client, worker: FakeWorker
) -> None:
    job = submit()
    worker.run(job["id"])
    with streaming(http, job) as events:
        last = next(events)
    response = http.get(job["urls"]["events"], headers={"Last-Event-ID": last.id})
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("last_id", ["soon", "1", "1-", "-1", "1-2-3"])
def test_a_wrong_last_event_id_is_refused(submit: Submit, http: httpx.Client, last_id: str) -> None:
    response = http.get(submit()["urls"]["events"], headers={"Last-Event-ID": last_id})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", "Last-Event-ID")


def test_the_failure_of_a_job_ends_its_stream(
    submit: Submit, http: httpx.Client, worker: FakeWorker, store: JobStore
) -> None:
    job = submit()
    with streaming(http, job) as events:
        next(events)
        store.fail(worker.claim(job["id"]), JobError(code="internal", message="out of paint"))
        last = list(events)[-1]
    assert (last.data["status"], last.data["error"]["message"]) == ("failed", "out of paint")


def test_many_may_follow_one_job(submit: Submit, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit()
    endings = []

    def read() -> None:
        with streaming(http, job) as events:
            endings.append(list(events)[-1].data["status"])

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    worker.run(job["id"])
    for reader in readers:
        reader.join()
    assert endings == ["succeeded"] * 8


def test_a_follower_who_leaves_is_no_longer_listened_for(
    submit: Submit, http: httpx.Client, redis: Redis
) -> None:
    job = submit()
    with streaming(http, job) as events:
        next(events)
        until(lambda: redis.pubsub_channels() == [f"job:{job['id']}:events".encode()])
    until(lambda: not redis.pubsub_channels())


def test_no_event_is_lost_with_the_connection_that_tells_of_them(
    submit: Submit, http: httpx.Client, redis: Redis, worker: FakeWorker
) -> None:
    job = submit(steps=5)
    with streaming(http, job) as events:
        next(events)
        claim = worker.claim(job["id"])
        for step in range(1, 6):
            redis.client_kill_filter(_type="pubsub")
            worker.report(claim, step)
        worker.succeed(claim)
        steps = [event.data["step"] for event in events if event.type == "progress"]
    assert steps == [1, 2, 3, 4, 5]


def test_a_follower_outlives_a_restart_of_redis(private_valkey: Server, tmp_path: Path) -> None:
    settings = GatewaySettings(redis_url=private_valkey.url, images_url=str(tmp_path / "images"))
    with serving(settings) as url, Kandinsky(url) as client:
        job = client.submit(TextToImageRequest(prompt="x"))
        events = client.events(job.id)
        first = next(events)
        private_valkey.stop()
        private_valkey.start()
        JobStore(private_valkey.client).cancel(job.id)
        assert [event.data["status"] for event in (first, *events)] == ["queued", "canceled"]


def test_a_removed_job_ends_its_stream_as_canceled(
    submit: Submit, http: httpx.Client, store: JobStore
) -> None:
    job = submit()
    with streaming(http, job) as events:
        next(events)
        store.remove(job["id"])
        *_, last = events
    assert last.data["status"] == "canceled"


def test_no_more_than_the_limit_may_follow(valkey_url: str, session_images: str, submit: Submit) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_event_streams=1)
    path = f"/v1/jobs/{submit()['id']}/events"
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, trust_env=False) as http,
        http.stream("GET", path),
    ):
        response = http.get(path)
        waiting = http.post("/v1/text-to-image", json={"prompt": "x"}, headers={"Prefer": "wait=9"})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    assert waiting.status_code == 202


def test_a_stream_ends_early_when_redis_goes_for_long(
    private_valkey: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.events.PAUSE_SECONDS", 0.1)
    settings = GatewaySettings(redis_url=private_valkey.url, images_url=str(tmp_path / "images"))
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as http:
        job = http.post("/v1/text-to-image", json={"prompt": "x"}).json()
        with streaming(http, job) as events:
            next(events)
            private_valkey.kill()
            assert list(events) == []


def test_a_comment_comes_while_nothing_happens(
    submit: Submit, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.02)
    with http.stream("GET", submit()["urls"]["events"]) as response:
        assert ": ping" in response.iter_lines()
