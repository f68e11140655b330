"""The headers of every answer, and of those to scripts of other origins."""

from collections.abc import Iterator

import httpx
import pytest

from service.settings import GatewaySettings
from tests.service.conftest import serving

ORIGIN = "https://app.example.com"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/jobs/unknown", "/nowhere", "/livez"])
def test_every_answer_is_protected(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Cache-Control"] == "no-store"


def test_the_documentation_may_load_its_scripts(http: httpx.Client) -> None:
    policy = http.get("/docs").headers["Content-Security-Policy"]
    assert "script-src 'unsafe-inline' https://cdn.jsdelivr.net" in policy
    assert "connect-src 'self'" in policy


def test_without_origins_no_script_may_call(http: httpx.Client) -> None:
    assert "Access-Control-Allow-Origin" not in http.get("/v1/models", headers={"Origin": ORIGIN}).headers


@pytest.fixture(scope="module")
def cors_url(valkey_url: str, session_images: str) -> Iterator[str]:
    settings = GatewaySettings(
        redis_url=valkey_url, images_url=session_images, cors_origins=f"{ORIGIN},http://localhost:5173"
    )
    with serving(settings) as url:
        yield url


def test_an_origin_that_is_allowed_may_send_what_its_client_does(cors_url: str) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "DELETE",
        # The last is one of many that the package of OpenAI sends.
        "Access-Control-Request-Headers": "authorization, idempotency-key, x-stainless-lang",
    }
    answer = httpx.options(f"{cors_url}/v1/jobs/x", headers=asked, trust_env=False)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert "x-stainless-lang" in answer.headers["Access-Control-Allow-Headers"]


def test_its_pages_need_no_key_where_none_is_needed(cors_url: str) -> None:
    assert httpx.get(f"{cors_url}/v1/models", headers={"Origin": ORIGIN}, trust_env=False).status_code == 200


def test_it_may_read_our_headers_also_of_errors(cors_url: str) -> None:
    headers = httpx.get(f"{cors_url}/v1/jobs/x", headers={"Origin": ORIGIN}, trust_env=False).headers
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "RateLimit-Remaining" in headers["Access-Control-Expose-Headers"]


def test_another_origin_may_not(cors_url: str) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = httpx.get(f"{cors_url}/v1/models", headers=headers, trust_env=False)
    assert "Access-Control-Allow-Origin" not in answer.headers
