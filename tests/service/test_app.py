"""The application as a whole."""

import subprocess
import sys

import httpx
import pytest

HEAVY = ("torch", "transformers", "model", "numpy", "worker.engine")
MEMORY_LIMIT_MIB = 150


def test_the_gateway_never_loads_what_only_a_worker_needs() -> None:
    code = f"""
import sys
import service.app, service.cli.main, service.client, service.cli.drawing, service.server
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_command_line_loads_no_web_framework() -> None:
    code = "import sys, service.cli.main, service.cli.drawing; print('fastapi' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_every_route_is_documented(http: httpx.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    undocumented = [
        (method, path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if not operation.get("description")
    ]
    assert undocumented == []
    assert set(paths) == {
        "/v1/text-to-image",
        "/v1/image-to-image",
        "/v1/inpainting",
        "/v1/outpainting",
        "/v1/super-resolution",
        "/v1/prompts/beautify",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/events",
        "/v1/images",
        "/v1/images/{image_id}",
        "/v1/images/generations",
        "/v1/images/edits",
        "/key/api/v1/pipelines",
        "/key/api/v1/pipeline/{pipeline_id}/availability",
        "/key/api/v1/pipeline/run",
        "/key/api/v1/pipeline/status/{uuid}",
        "/static/styles/key",
        "/v1/models",
        "/v1/models/{model_id}",
        "/v1/queue",
        "/v1/styles",
        "/livez",
        "/readyz",
        "/metrics",
    }


@pytest.mark.parametrize(
    ("kind", "field", "said"),
    [
        ("InpaintingRequest", "paste_back", "`refine` and `upscale` go over the whole picture"),
        ("InpaintingRequest", "refine", "the whole picture"),
        ("TextToImageRequest", "steps", "some numbers give a few less"),
    ],
)
def test_what_a_field_does_not_promise_is_documented(
    http: httpx.Client, kind: str, field: str, said: str
) -> None:
    schemas = http.get("/openapi.json").json()["components"]["schemas"]
    assert said in schemas[kind]["properties"][field]["description"]


@pytest.mark.parametrize("kind", ["inpainting", "outpainting"])
def test_that_later_stages_go_over_the_whole_picture_is_documented(http: httpx.Client, kind: str) -> None:
    route = http.get("/openapi.json").json()["paths"][f"/v1/{kind}"]["post"]
    assert "`refine` and `upscale` go over the whole" in " ".join(route["description"].split())


def test_every_documented_error_has_the_one_shape(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    shapes = {
        content["schema"]["$ref"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for content in response.get("content", {}).values()
    }
    assert shapes == {"#/components/schemas/ErrorResponse"}
    assert document["openapi"].startswith("3.1")


def test_swagger_is_served(http: httpx.Client) -> None:
    assert http.get("/docs").status_code == 200
