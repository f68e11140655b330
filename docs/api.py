"""Writes docs/api.md from the description that the gateway serves at /openapi.json: `python docs/api.py`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.app import create_app
from service.settings import GatewaySettings

PAGE = Path(__file__).parent / "api.md"
METHODS = ("get", "post", "delete")
#: Limits of a value, as JSON Schema names them and as people read them.
LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "minItems": "entries at least",
    "maxItems": "entries at most",
}

HEAD = """\
# HTTP interface

Every route, field and status, made by `python docs/api.py` from the description that a running gateway
serves at `/openapi.json`; `/docs` shows the same in a browser, and lets you try it. Examples with their
answers are in [requests.md](requests.md).

JSON in and out, in snake_case, times in UTC as ISO 8601. Unknown fields are refused, but by the routes of
FusionBrain. Every answer carries `X-Request-ID`, the caller's own if one was sent. Every error has one form:
`{"error": {"code", "message", "param", "details", "type"}}`.
"""

Schema = Mapping[str, Any]


def render(description: Schema) -> str:
    """The page of an OpenAPI description."""
    tags: dict[str, list[str]] = {}
    for path, route in description["paths"].items():
        for method in METHODS:
            if method in route:
                tag = route[method].get("tags", ["other"])[0]
                tags.setdefault(tag, []).append("\n".join(_operation(method, path, route[method])))
    sections = [f"\n## {tag[0].upper()}{tag[1:]}\n\n" + "\n".join(routes) for tag, routes in tags.items()]
    schemas = description["components"]["schemas"]
    parts = [f"### {name}\n\n" + "\n".join(_schema(schemas[name])) for name in sorted(schemas)]
    return HEAD + "".join(sections) + "\n## Schemas\n\n" + "\n".join(parts)


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(create_app(GatewaySettings()).openapi()), encoding="utf-8")


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    yield operation.get("description", "") + "\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | in | type | meaning |\n|---|---|---|---|"
        for parameter in parameters:
            schema, name = parameter["schema"], parameter["name"]
            meaning = _cell(parameter.get("description", ""))
            yield f"| `{name}` | {parameter['in']} | {_type(schema)} | {meaning} |"
        yield ""
    if body := operation.get("requestBody"):
        forms = [
            f"`{media}`: {_type(content.get('schema', {}))}" for media, content in body["content"].items()
        ]
        yield f"Body: {'; '.join(forms)}\n"
    yield "| status | answer |\n|---|---|"
    for status, response in sorted(operation["responses"].items()):
        meaning = _cell(response.get("description", "")).removesuffix(".")
        yield f"| {status} | {meaning}{_media(response)} |"
    yield ""


def _media(response: Schema) -> str:
    forms = [
        f"`{media}` {_type(content['schema'])}" if content.get("schema") else f"`{media}`"
        for media, content in response.get("content", {}).items()
    ]
    return f": {', '.join(forms)}" if forms else ""


def _schema(schema: Schema) -> Iterator[str]:
    if text := schema.get("description"):
        yield f"{text}\n"
    if values := schema.get("enum"):
        yield f"One of {', '.join(f'`{value}`' for value in values)}.\n"
    if fields := schema.get("properties"):
        yield "| field | type | default | meaning |\n|---|---|---|---|"
        required = schema.get("required", ())
        for name, field in fields.items():
            default = "required" if name in required else _default(field)
            yield f"| `{name}` | {_type(field)} | {default} | {_cell(field.get('description', ''))} |"
        yield ""


def _default(field: Schema) -> str:
    value = field.get("default")
    return "" if value is None else f"`{value}`"


def _type(schema: Schema) -> str:
    """What a value may be, in a few words."""
    if name := schema.get("$ref"):
        name = name.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[choice]))
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else None):
        return ", ".join(f"`{value}`" for value in values)
    kind = schema.get("format") or schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    limits = [f"{words} {schema[name]}" for name, words in LIMITS.items() if name in schema]
    return f"{kind} ({', '.join(limits)})" if limits else str(kind)


def _cell(text: str) -> str:
    """Text that fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
