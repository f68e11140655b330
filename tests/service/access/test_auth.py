"""Who needs an API key, and what becomes of one."""

from collections.abc import Callable

import httpx
import pytest
from redis import Redis

from service.access.auth import needs_key
from service.app import create_app
from service.settings import GatewaySettings
from tests.polling import until
from tests.processes import Server
from tests.service.conftest import serving
from worker.jobs.keys import KeyStore

Clients = Callable[..., httpx.Client]

#: The last is as open as it is at FusionBrain.
OPEN = {"/livez", "/readyz", "/metrics", "/static/styles/key"}


@pytest.mark.parametrize(
    ("auth", "host", "needed"),
    [
        ("auto", "127.0.0.1", False),
        ("auto", "127.8.8.8", False),
        ("auto", "::1", False),
        ("auto", "localhost", False),
        ("auto", "0.0.0.0", True),
        ("auto", "::", True),
        ("auto", "", True),
        ("auto", "localhost.example.com", True),
        ("keys", "127.0.0.1", True),
        ("none", "0.0.0.0", False),
    ],
)
def test_a_key_is_needed_where_others_can_call(auth: str, host: str, needed: bool) -> None:
    assert needs_key(GatewaySettings.model_validate({"auth": auth, "host": host})) is needed


def test_every_route_but_those_of_health_needs_a_key(client_of: Clients) -> None:
    http = client_of()
    paths = create_app(GatewaySettings()).openapi()["paths"]
    answers = {(method, path): http.request(method, path) for path in paths for method in paths[path]}
    assert {path for (_, path), answer in answers.items() if answer.status_code != 401} == OPEN


def test_without_a_key_the_answer_says_how_to_send_one(client_of: Clients) -> None:
    response = client_of().get("/v1/models")
    error = response.json()["error"]
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (error["code"], error["type"], error["param"]) == (
        "unauthorized",
        "authentication_error",
        "Authorization",
    )
    assert error["message"] == "an API key is needed, as `Authorization: Bearer kdsk_...`"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_a_key_opens_by_the_bearer_scheme(client_of: Clients, keys: KeyStore, scheme: str) -> None:
    _, token = keys.create("studio")
    assert client_of().get("/v1/models", headers={"Authorization": f"{scheme} {token}"}).status_code == 200


@pytest.mark.parametrize(
    ("key", "secret"),
    [("Key {id}", "Secret {secret}"), ("{id}", "{secret}"), ("Key {id}", "Secret kdsk_{id}_{secret}")],
)
def test_a_key_opens_by_the_headers_of_fusionbrain(
    client_of: Clients, keys: KeyStore, key: str, secret: str
) -> None:
    made, token = keys.create("studio")
    parts = {"id": made.id, "secret": token.rpartition("_")[2]}
    headers = {"X-Key": key.format(**parts), "X-Secret": secret.format(**parts)}
    assert client_of().get("/v1/models", headers=headers).status_code == 200


WRONG = [
    # Cut off as it was copied.
    {"Authorization": "Bearer kdsk_0123"},
    {"Authorization": f"Bearer kdsk_{'0' * 16}_{'0' * 64}"},
    {"X-Key": f"Key {'0' * 16}", "X-Secret": f"Secret {'0' * 64}"},
]
FOREIGN = [
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer sk-of-another-service"},
    {"Authorization": "Basic a2V5"},
    {"X-Key": f"Key {'0' * 16}"},
    {"X-Secret": f"Secret {'0' * 64}"},
]


@pytest.mark.parametrize("headers", WRONG + FOREIGN)
def test_a_wrong_key_is_401(client_of: Clients, headers: dict[str, str]) -> None:
    response = client_of().get("/v1/models", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("headers", WRONG + FOREIGN)
def test_a_wrong_key_is_named_by_its_header(client_of: Clients, headers: dict[str, str]) -> None:
    param = client_of().get("/v1/models", headers=headers).json()["error"]["param"]
    assert param == ("Authorization" if "Authorization" in headers else "X-Key")


@pytest.mark.parametrize("headers", WRONG)
def test_a_wrong_key_is_401_where_none_is_needed_too(http: httpx.Client, headers: dict[str, str]) -> None:
    assert http.get("/v1/models", headers=headers).status_code == 401


@pytest.mark.parametrize("headers", FOREIGN)
def test_what_is_no_key_of_ours_says_nothing_where_none_is_needed(
    http: httpx.Client, headers: dict[str, str]
) -> None:
    assert http.get("/v1/models", headers=headers).status_code == 200


def test_a_wrong_key_is_not_told_from_one_that_is_not_there(client_of: Clients, keys: KeyStore) -> None:
    key, _ = keys.create("studio")
    wrong, unknown = f"kdsk_{key.id}_{'0' * 64}", f"kdsk_{'0' * 16}_{'0' * 64}"
    answers = [client_of(token).get("/v1/models").json() for token in (wrong, unknown)]
    assert answers[0] == answers[1]


def test_a_revoked_key_is_refused_without_a_restart(client_of: Clients, keys: KeyStore) -> None:
    key, token = keys.create("studio")
    http = client_of(token)
    assert http.get("/v1/models").status_code == 200
    keys.revoke(key.id)
    until(lambda: http.get("/v1/models").status_code == 401)


def test_a_rotated_key_is_taken_at_once(client_of: Clients, keys: KeyStore) -> None:
    key, old = keys.create("studio")
    assert client_of(old).get("/v1/models").status_code == 200
    new = keys.rotate(key.id, overlap_seconds=60)
    assert [client_of(token).get("/v1/models").status_code for token in (old, new)] == [200, 200]


def test_a_new_key_is_taken_though_it_was_refused_before(
    client_of: Clients, keys: KeyStore, redis: Redis
) -> None:
    key, token = keys.create("studio")
    redis.hdel("keys", key.id)
    assert client_of(token).get("/v1/models").status_code == 401
    redis.hset("keys", key.id, key.model_dump_json())
    assert client_of(token).get("/v1/models").status_code == 200


def test_where_the_operator_lets_everybody_in_keys_are_not_looked_at(
    valkey_url: str, session_images: str
) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, auth="none")
    with serving(settings) as url:
        headers = {"Authorization": "Basic of-a-proxy"}
        assert httpx.get(f"{url}/v1/models", headers=headers, trust_env=False).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_does_not_pass_for_its_reader(http: httpx.Client, origin: str) -> None:
    form = {"prompt": (None, "x")}
    headers = {"Origin": origin, "Authorization": "Bearer sk-of-another-service"}
    response = http.post("/v1/text-to-image", files=form, headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["message"].startswith(f"a page of {origin} needs an API key")


def test_a_page_of_our_own_needs_no_key(http: httpx.Client) -> None:
    origin = str(http.base_url).rstrip("/")
    assert http.get("/v1/models", headers={"Origin": origin}).status_code == 200


def test_without_redis_nobody_is_let_in(private_valkey: Server, session_images: str) -> None:
    _, token = KeyStore(private_valkey.client).create("studio")
    settings = GatewaySettings(redis_url=private_valkey.url, images_url=session_images, auth="keys")
    with serving(settings) as url:
        private_valkey.kill()
        headers = {"Authorization": f"Bearer {token}"}
        response = httpx.get(f"{url}/v1/styles", headers=headers, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")


def test_the_description_names_the_scheme() -> None:
    described = create_app(GatewaySettings()).openapi()
    assert described["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    assert described["paths"]["/v1/text-to-image"]["post"]["security"] == [{"ApiKey": []}]
    assert "security" not in described["paths"]["/livez"]["get"]
