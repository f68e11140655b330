"""How much an API key may be used."""

from collections.abc import Callable

import httpx
import pytest
from redis.exceptions import TimeoutError

from service.access.rates import Rates
from service.connections import connect
from service.settings import GatewaySettings
from tests.polling import until
from tests.processes import Server
from tests.service.conftest import FakeWorker
from worker.jobs.job import Priority
from worker.jobs.keys import KeyStore
from worker.jobs.store import JobStore

Clients = Callable[..., httpx.Client]

APPLE = {"prompt": "a red apple"}


def post(http: httpx.Client, **fields: object) -> httpx.Response:
    return http.post("/v1/text-to-image", json={**APPLE, **fields})


def test_what_is_left_of_a_rate_is_told(client_of: Clients, keys: KeyStore) -> None:
    http = client_of(keys.create("studio", rate="3/hour")[1])
    answers = [post(http) for _ in range(2)]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"3"}
    assert 3590 <= int(answers[1].headers["RateLimit-Reset"]) <= 3600


def test_beyond_the_rate_is_429_and_makes_no_job(client_of: Clients, keys: KeyStore, store: JobStore) -> None:
    key, token = keys.create("studio", rate="1/hour")
    answers = [post(client_of(token)) for _ in range(2)]
    error = answers[1].json()["error"]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert (error["code"], error["type"], error["details"]) == (
        "rate_limited",
        "rate_limit_error",
        {"rate": "1/hour"},
    )
    assert error["message"].startswith("the rate of the API key, 1/hour, is used up; try again in 3")
    assert answers[1].headers["RateLimit-Remaining"] == "0"
    assert answers[1].headers["Retry-After"] == answers[1].headers["RateLimit-Reset"]
    assert len(list(store.newest(key.id))) == 1


def test_a_refused_request_counts_and_tells_what_is_left(client_of: Clients, keys: KeyStore) -> None:
    response = post(client_of(keys.create("studio", rate="3/hour")[1]), steps=0)
    assert (response.status_code, response.headers["RateLimit-Remaining"]) == (422, "2")


def test_rates_are_of_each_key_alone(client_of: Clients, keys: KeyStore) -> None:
    tokens = [keys.create(name, rate="1/hour")[1] for name in ("one", "two")]
    assert [post(client_of(token)).status_code for token in tokens] == [202, 202]


def test_asking_for_jobs_is_not_counted(client_of: Clients, keys: KeyStore) -> None:
    http = client_of(keys.create("studio", rate="1/hour")[1])
    job = post(http).json()
    answers = [http.get(job["urls"]["self"]), http.get("/v1/models"), http.post(job["urls"]["cancel"])]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any("RateLimit-Limit" in answer.headers for answer in answers)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/image-to-image",
        "/v1/prompts/beautify",
        "/v1/images",
        "/v1/images/generations",
        "/v1/images/edits",
        "/key/api/v1/pipeline/run",
    ],
)
def test_every_route_that_makes_something_is_counted(client_of: Clients, keys: KeyStore, path: str) -> None:
    http = client_of(keys.create("studio", rate="1/hour")[1])
    assert [http.post(path, json={}).status_code == 429 for _ in range(2)] == [False, True]


def test_a_rate_that_is_used_up_comes_back(client_of: Clients, keys: KeyStore) -> None:
    http = client_of(keys.create("studio", rate="1/second")[1])
    assert post(http).status_code == 202
    until(lambda: post(http).status_code == 202)


def test_no_more_jobs_than_the_key_may_have_at_once(
    client_of: Clients, keys: KeyStore, worker: FakeWorker
) -> None:
    http = client_of(keys.create("studio", max_active=1)[1])
    job, refused = post(http).json(), post(http)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert refused.json()["error"]["details"] == {"max_active": 1}
    assert int(refused.headers["Retry-After"]) >= 1
    worker.run(job["id"])
    assert post(http).status_code == 202


@pytest.mark.parametrize(
    ("granted", "asked", "given"),
    [("batch", "interactive", "batch"), ("batch", "batch", "batch"), ("interactive", "batch", "batch")],
)
def test_a_job_has_no_higher_priority_than_its_key(
    client_of: Clients, keys: KeyStore, store: JobStore, granted: str, asked: str, given: str
) -> None:
    _, token = keys.create("studio", priority=Priority(granted))
    job = post(client_of(token), priority=asked).json()
    assert store.get(job["id"]).priority == given


def test_while_redis_is_silent_a_rate_is_not_asked_for_again_and_again(private_valkey: Server) -> None:
    settings = GatewaySettings(redis_url=private_valkey.url, redis_timeout_seconds=0.2)
    with connect(settings) as redis:
        rates = Rates(redis)
        rates.take("owner", "60/minute")
        private_valkey.freeze()
        with pytest.raises(TimeoutError):
            rates.take("owner", "60/minute")
        with pytest.raises(TimeoutError, match="did not answer a moment ago"):
            rates.take("owner", "60/minute")
