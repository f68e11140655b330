"""What belongs to one API key is not there for another, on whatever route."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image

from service.app import create_app
from service.settings import GatewaySettings
from tests.pictures import encoded
from tests.service.conftest import PICTURE, FakeWorker, serving
from worker.jobs.catalog import Catalog
from worker.jobs.keys import KeyStore

Clients = Callable[..., httpx.Client]

FILE = encoded(Image.new("RGB", (128, 128)))
#: Parameters of paths that name something of one owner.
OWNED = ("{job_id}", "{image_id}", "{uuid}")


@dataclass(frozen=True)
class Owner:
    """Whoever has a job that has ended, one that waits, and a client that sends the key of it."""

    http: httpx.Client
    ended: dict[str, Any]
    waiting: dict[str, Any]


@pytest.fixture
def owner(client_of: Clients, keys: KeyStore, worker: FakeWorker, family: None) -> Owner:
    http = client_of(keys.create("owner")[1])
    first, second = (
        http.post("/v1/text-to-image", json={"prompt": "mine", "model": "artist"}).json() for _ in range(2)
    )
    worker.run(first["id"])
    return Owner(http, http.get(first["urls"]["self"]).json(), second)


@pytest.fixture
def other(client_of: Clients, keys: KeyStore) -> httpx.Client:
    return client_of(keys.create("other")[1])


def test_every_route_that_takes_an_id_answers_another_owner_404(owner: Owner, other: httpx.Client) -> None:
    ids = {"job_id": owner.waiting["id"], "uuid": owner.waiting["id"], "image_id": f"{owner.ended['id']}-0"}
    described = create_app(GatewaySettings()).openapi()["paths"]
    paths = [path for path in described if any(name in path for name in OWNED)]
    routes = [(method, path.format(**ids)) for path in paths for method in described[path]]
    assert len(routes) >= 4
    answers = {route: other.request(*route).status_code for route in routes}
    assert set(answers.values()) == {404}, answers
    assert owner.http.get(f"/v1/jobs/{owner.waiting['id']}").json()["status"] == "queued"


def test_the_answer_is_that_of_a_job_that_is_not_there(owner: Owner, other: httpx.Client) -> None:
    unknown = "job_" + "0" * 26
    theirs, nobodys = (other.get(f"/v1/jobs/{name}").json() for name in (owner.ended["id"], unknown))
    assert theirs["error"]["message"].replace(owner.ended["id"], unknown) == nobodys["error"]["message"]


def test_jobs_of_others_are_not_listed(owner: Owner, other: httpx.Client) -> None:
    assert other.get("/v1/jobs").json()["data"] == []
    assert {job["id"] for job in owner.http.get("/v1/jobs").json()["data"]} == {
        owner.ended["id"],
        owner.waiting["id"],
    }


def test_a_signed_url_shows_its_picture_to_whoever_has_no_key(owner: Owner, client_of: Clients) -> None:
    url = owner.ended["outputs"][0]["url"]
    response = client_of().get(url)
    assert (response.status_code, response.content) == (200, PICTURE)
    assert client_of().head(url).status_code == 200


def test_a_signed_url_is_the_same_in_every_answer(owner: Owner) -> None:
    job, listed = (owner.http.get(path).json() for path in (f"/v1/jobs/{owner.ended['id']}", "/v1/jobs"))
    assert owner.ended["outputs"] == job["outputs"] == listed["data"][-1]["outputs"]


@pytest.mark.parametrize(
    "change",
    [lambda url: f"{url}x", lambda url: url.replace("expires=1", "expires=2")],
    ids=["signature", "expires"],
)
def test_a_url_that_was_changed_is_403(
    owner: Owner, client_of: Clients, change: Callable[[str], str]
) -> None:
    response = client_of().get(change(owner.ended["outputs"][0]["url"]))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")


def test_the_owner_needs_no_url_that_is_still_good(owner: Owner, other: httpx.Client) -> None:
    url = f"{owner.ended['outputs'][0]['url']}x"
    assert [owner.http.get(url).status_code, other.get(url).status_code] == [200, 404]


def test_without_a_signature_a_picture_needs_the_key_of_its_owner(owner: Owner, client_of: Clients) -> None:
    path = f"/v1/images/{owner.ended['id']}-0"
    assert [client_of().get(path).status_code, owner.http.get(path).status_code] == [401, 200]


def test_a_picture_of_a_stream_has_a_signed_url(owner: Owner, client_of: Clients) -> None:
    http = client_of()
    events = owner.http.get(owner.ended["urls"]["events"], headers={"Last-Event-ID": "0-0"}).text
    urls = [line for line in events.splitlines() if "/v1/images/" in line and "signature=" not in line]
    assert (http.get(owner.ended["urls"]["events"]).status_code, urls) == (401, [])


@pytest.mark.parametrize("kind", ["job", "upload"])
def test_a_picture_of_another_owner_cannot_be_drawn_on(owner: Owner, other: httpx.Client, kind: str) -> None:
    upload = owner.http.post("/v1/images", content=FILE, headers={"Content-Type": "image/png"}).json()
    image = {"job": owner.ended["id"], "index": 0} if kind == "job" else {"upload": upload["id"]}
    response = other.post("/v1/image-to-image", json={"prompt": "x", "image": image})
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (422, "image")


def test_an_owner_cannot_take_the_places_of_all_who_follow(
    valkey_url: str, session_images: str, catalog: Catalog, keys: KeyStore
) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_event_streams=2)
    one, two = ({"Authorization": f"Bearer {keys.create(name)[1]}"} for name in ("one", "two"))
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, trust_env=False) as http,
        ExitStack() as streams,
    ):
        statuses = []
        for headers in (one, one, two):
            job = http.post("/v1/text-to-image", json={"prompt": "x"}, headers=headers).json()
            stream = http.stream("GET", f"/v1/jobs/{job['id']}/events", headers=headers)
            statuses.append(streams.enter_context(stream).status_code)
    assert statuses == [200, 503, 200]


def test_an_owner_cannot_fill_the_queue_of_all(
    valkey_url: str, session_images: str, catalog: Catalog, keys: KeyStore
) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, max_queue_length=4)
    one, two = ({"Authorization": f"Bearer {keys.create(name)[1]}"} for name in ("one", "two"))
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as http:
        path, body = "/v1/text-to-image", {"prompt": "x"}
        answers = [http.post(path, json=body, headers=headers) for headers in (one, one, one, two)]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 202]
    assert answers[2].json()["error"]["details"] == {"max_active": 2}


def test_an_upload_of_another_owner_is_404(owner: Owner, other: httpx.Client) -> None:
    upload = owner.http.post("/v1/images", content=FILE, headers={"Content-Type": "image/png"}).json()
    path = f"/v1/images/{upload['id']}"
    assert [client.get(path).status_code for client in (owner.http, other)] == [200, 404]


def test_idempotency_keys_are_of_each_owner_alone(owner: Owner, other: httpx.Client) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"prompt": "x"}
    answers = [http.post("/v1/text-to-image", json=body, headers=headers) for http in (owner.http, other)]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    assert "Idempotency-Replayed" not in answers[1].headers


def test_on_a_loopback_address_a_key_has_jobs_of_its_own(http: httpx.Client, keys: KeyStore) -> None:
    _, token = keys.create("studio")
    headers = {"Authorization": f"Bearer {token}"}
    job = http.post("/v1/text-to-image", json={"prompt": "x"}, headers=headers).json()
    path = f"/v1/jobs/{job['id']}"
    assert [http.get(path).status_code, http.get(path, headers=headers).status_code] == [404, 200]
