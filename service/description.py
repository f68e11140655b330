"""The OpenAPI description, with the bodies that routes read by themselves."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic.json_schema import models_json_schema

from service.bodies.media_types import FORM, JSON
from service.bodies.reading import RequestBody
from service.dialect import DialectBody, DialectRoute
from service.error_answers import ErrorResponse
from service.fetching import PICTURES
from service.requests import JobRequest

Schema = dict[str, Any]
Body = RequestBody[Any] | DialectBody[Any]

PLACE = "#/components/schemas/"
FIRST_ERROR, UNPROCESSABLE = "400", "422"
FILE: Schema = {"type": "string", "format": "binary", "description": "The file itself."}


class DescribedApi(FastAPI):
    """An application whose description also tells of the bodies that its routes read by themselves."""

    def openapi(self) -> Schema:
        """The description; made once."""
        if self.openapi_schema is None:
            self._describe_bodies(super().openapi())
            self._describe_refusals(super().openapi())
        return super().openapi()

    def _describe_bodies(self, document: Schema) -> None:
        bodies = dict(_bodies(self))
        kinds = dict.fromkeys(body.kind for body in bodies.values())
        _, definitions = models_json_schema(
            [(kind, "validation") for kind in kinds], ref_template=PLACE + "{model}"
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(definitions["$defs"])
        for (path, method), body in bodies.items():
            content = _content(body, schemas)
            document["paths"][path][method]["requestBody"] = {"required": True, "content": content}

    def _describe_refusals(self, document: Schema) -> None:
        """Errors are JSON whatever a route answers else, and in no dialect is there a 422."""
        for context in iter_route_contexts(self.routes):
            for method in context.methods or ():
                operation = document["paths"].get(context.path_format, {}).get(method.lower())
                if operation is not None:
                    _tell_refusals(operation["responses"], isinstance(context.original_route, DialectRoute))


def form_name(kind: type[JobRequest]) -> str:
    """Name of the schema of a request as a form."""
    return kind.__name__.replace("Request", "Form")


def form_schema(schema: Mapping[str, Any]) -> Schema:
    """The schema of a request as a form, whose pictures may be files."""
    form = deepcopy(dict(schema))
    form["title"] = form["title"].replace("Request", "Form")
    for name in PICTURES:
        if name in form["properties"]:
            form["properties"][name]["anyOf"].insert(0, FILE)
    return form


def _tell_refusals(responses: Schema, is_dialect: bool) -> None:
    if is_dialect:
        responses.pop(UNPROCESSABLE, None)
    for status in [status for status in responses if status >= FIRST_ERROR]:
        responses[status]["content"] = {JSON: {"schema": {"$ref": PLACE + ErrorResponse.__name__}}}


def _content(body: Body, schemas: Schema) -> Schema:
    """What a body may be, by media type; the schema of a form is added to the schemas."""
    schema = {"$ref": PLACE + body.kind.__name__}
    if isinstance(body, DialectBody):
        return {body.media: {"schema": schema}}
    form = form_name(body.kind)
    schemas[form] = form_schema(schemas[body.kind.__name__])
    return {JSON: {"schema": schema}, FORM: {"schema": {"$ref": PLACE + form}}}


def _bodies(app: FastAPI) -> Iterator[tuple[tuple[str, str], Body]]:
    """Path and method of each route that reads its body by itself, and what reads it."""
    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, context.path_format
        if not isinstance(route, APIRoute) or path is None:
            continue
        for body in _read_by(route.dependant):
            for method in route.methods or ():
                yield (path, method.lower()), body


def _read_by(dependant: Dependant) -> Iterator[Body]:
    for each in dependant.dependencies:
        if isinstance(each.call, RequestBody | DialectBody):
            yield each.call
        yield from _read_by(each)
