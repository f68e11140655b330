"""`Idempotency-Key`: a request that is sent twice is one job."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from redis import Redis

from service.settings import GatewaySettings
from tests.pictures import png
from tests.service.conftest import FakeWorker, serving
from worker.jobs.backlog import Backlog
from worker.jobs.queue import waiting

PATH = "/v1/text-to-image"
APPLE = {"prompt": "a red apple"}
Post = Callable[..., httpx.Response]


@pytest.fixture
def post(http: httpx.Client) -> Post:
    """Sends a request under a key."""

    def send(
        body: dict[str, Any] = APPLE, key: str = "key-1", path: str = PATH, **headers: str
    ) -> httpx.Response:
        return http.post(path, json=body, headers={"Idempotency-Key": key, **headers})

    return send


def test_a_replay_answers_with_the_first_job(post: Post, redis: Redis) -> None:
    first, second = post(), post()
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Location"] == first.headers["Location"]
    assert waiting(redis, "images.tiny") == {first.json()["id"]}


def test_a_replay_shows_the_job_as_it_is_now(post: Post, worker: FakeWorker) -> None:
    worker.run(post().json()["id"])
    replay = post()
    assert (replay.status_code, replay.json()["status"]) == (200, "succeeded")


def test_a_replay_may_wait_for_the_first_job(post: Post, worker: FakeWorker) -> None:
    claim = worker.claim(post().json()["id"])
    player = threading.Thread(target=worker.succeed, args=(claim,))
    player.start()
    replay = post(Prefer="wait=20")
    player.join()
    assert (replay.status_code, replay.json()["status"]) == (200, "succeeded")


@pytest.mark.parametrize("body", [{**APPLE, "seed": 1}, {"prompt": "a green apple"}])
def test_another_request_under_the_same_key_is_422(post: Post, body: dict[str, Any]) -> None:
    job_id = post().json()["id"]
    response = post(body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (
        422,
        "idempotency_key_reuse",
        "Idempotency-Key",
    )
    assert job_id in error["message"]


@pytest.mark.usefixtures("family")
def test_another_route_under_the_same_key_is_422(post: Post) -> None:
    post({"prompt": "x"})
    assert post({"prompt": "x"}, path="/v1/prompts/beautify").status_code == 422


def test_the_order_of_fields_and_what_is_the_default_anyway_do_not_matter(post: Post) -> None:
    first = post({"prompt": "x", "steps": 9}).json()["id"]
    assert post({"steps": 9, "num_images": 1, "prompt": " x "}).json()["id"] == first


@pytest.mark.usefixtures("family")
def test_another_picture_is_another_request(post: Post) -> None:
    body = {"prompt": "x", "model": "artist", "image": png(128, 128)}
    path = "/v1/image-to-image"
    first = post(body, path=path)
    assert post(body, path=path).json()["id"] == first.json()["id"]
    assert post({**body, "image": png(128, 192)}, path=path).status_code == 422


def test_a_removed_job_is_409(post: Post, http: httpx.Client) -> None:
    http.delete(post().json()["urls"]["self"])
    response = post()
    assert (response.status_code, response.json()["error"]["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_of_a_wrong_length_is_refused(post: Post, key: str) -> None:
    response = post(key=key)
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (422, "Idempotency-Key")
    assert f"between 1 and 255 characters, got {len(key)}" in error["message"]


def test_a_refused_request_does_not_take_the_key(post: Post) -> None:
    assert post({**APPLE, "steps": 1000}).status_code == 422
    assert post().status_code == 202


def test_of_many_at_a_time_one_becomes_a_job(post: Post, backlog: Backlog) -> None:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(post())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == backlog.state("images.tiny").num_queued == 1


def test_gateways_share_their_keys(valkey_url: str, session_images: str, post: Post) -> None:
    first = post()
    with serving(GatewaySettings(redis_url=valkey_url, images_url=session_images)) as url:
        replay = httpx.post(url + PATH, json=APPLE, headers={"Idempotency-Key": "key-1"}, trust_env=False)
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert replay.json()["id"] == first.json()["id"]


def test_a_full_queue_still_replays(valkey_url: str, session_images: str, http: httpx.Client) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_queue_length=1)
    with serving(settings) as url:
        answers = [
            httpx.post(url + PATH, json=APPLE, headers={"Idempotency-Key": "x"}, trust_env=False)
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [202, 202]
