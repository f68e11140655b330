"""The description of bodies that routes read by themselves."""

from typing import Any

import pytest

from service.app import create_app
from service.settings import GatewaySettings

PATHS = (
    "/v1/text-to-image",
    "/v1/image-to-image",
    "/v1/inpainting",
    "/v1/outpainting",
    "/v1/super-resolution",
    "/v1/prompts/beautify",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(GatewaySettings()).openapi()


@pytest.mark.parametrize("path", PATHS)
def test_a_request_may_be_json_or_a_form(document: dict[str, Any], path: str) -> None:
    body = document["paths"][path]["post"]["requestBody"]
    assert body["required"] is True
    assert set(body["content"]) == {"application/json", "multipart/form-data"}


def test_a_picture_may_be_a_file_in_a_form_alone(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    in_json, in_form = (
        schemas[f"Inpainting{name}"]["properties"]["mask"]["anyOf"] for name in ("Request", "Form")
    )
    assert [each for each in in_form if each not in in_json] == [
        {"type": "string", "format": "binary", "description": "The file itself."}
    ]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert {name for name in _references(document) if not _exists(document, name)} == set()


def test_it_is_made_once() -> None:
    app = create_app(GatewaySettings())
    assert app.openapi() is app.openapi()


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(_references, node.values()))
    return set().union(*map(_references, node)) if isinstance(node, list) else set()


def _exists(document: dict[str, Any], reference: str) -> bool:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        if part not in node:
            return False
        node = node[part]
    return True
