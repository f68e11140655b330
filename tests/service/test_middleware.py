"""What every answer has, whatever its route."""

import re

import httpx
import pytest
from fastapi import FastAPI

from service.bodies.limit import BodyLimit
from service.error_answers import install_error_handlers
from service.metrics import GatewayMetrics
from service.middleware import Observation, RequestId
from service.settings import GatewaySettings


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/v1/jobs/unknown", "/openapi.json"])
def test_every_answer_has_a_request_id(http: httpx.Client, path: str) -> None:
    ids = {http.get(path).headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", request_id) for request_id in ids)


def test_the_id_of_the_caller_is_kept(http: httpx.Client) -> None:
    response = http.get("/livez", headers={"X-Request-ID": "Root=1-67891233-abc"})
    assert response.headers["X-Request-ID"] == "Root=1-67891233-abc"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "é".encode()])
def test_an_id_that_could_spoil_a_log_is_replaced(http: httpx.Client, given: str | bytes) -> None:
    response = http.get("/livez", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/text-to-image", 405, "invalid_request"),
        ("DELETE", "/v1/models", 405, "invalid_request"),
    ],
)
def test_the_router_answers_in_the_one_shape(
    http: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    response = http.request(method, path)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert set(error) == {"code", "message", "param", "details", "type"}
    assert path in error["message"]


def test_405_says_what_is_allowed(http: httpx.Client) -> None:
    assert http.get("/v1/text-to-image").headers["Allow"] == "POST"


async def test_a_broken_route_tells_nothing_of_its_inner_workings() -> None:
    app = FastAPI()
    app.add_middleware(BodyLimit, settings=GatewaySettings())
    app.add_middleware(Observation, metrics=GatewayMetrics())
    app.add_middleware(RequestId)
    install_error_handlers(app)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret of the house")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        response = await client.get("/broken")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (500, "internal", "server_error")
    assert "secret" not in response.text
    assert "X-Request-ID" in response.headers


@pytest.mark.parametrize("host", ["[", "a b", "x:99999", ""])
def test_a_malformed_host_header_breaks_nothing(http: httpx.Client, host: str) -> None:
    response = http.post("/v1/text-to-image", json={"prompt": "x"}, headers={"Host": host})
    assert response.status_code in (202, 400)
