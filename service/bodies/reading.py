"""The bodies of requests for jobs, from JSON or from a form.

They are not left to FastAPI, which would read them before it is known who asks, and would have everybody
else wait while it parses megabytes.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import to_thread
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from service.bodies.forms import Form, decode, form_values
from service.bodies.media_types import FORM, JSON, is_json, media_type
from service.bodies.multipart import read_parts
from service.dependencies import Gateway, TheCaller, TheGateway
from service.errors import MalformedBody, UnsupportedMediaType
from service.fetching import fetch_pictures
from service.requests import JobRequest

#: Bodies of fewer bytes take less time to read than to hand to another thread.
SMALL_BYTES = 64 * 1024

R = TypeVar("R", bound=JobRequest)
T = TypeVar("T")


class RequestBody(Generic[R]):
    """What a route depends on to be given a request of one kind, from JSON or from a form."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind

    async def __call__(self, request: Request, gateway: TheGateway, caller: TheCaller) -> R:
        """The request, once it is known who sends it.

        Raises UnsupportedMediaType, MalformedBody, InvalidRequest, RequestValidationError and HTTPException.
        """
        name = media_type(request.headers)
        if is_json(name):
            content = await read_bytes(request)
            body = await read_in_turn(gateway, len(content), lambda: self._from_json(content))
        elif name == FORM:
            form = await read_form(request)
            body = await read_in_turn(gateway, size_of(form), lambda: self._from_form(form))
        else:
            raise UnsupportedMediaType(f"Content-Type should be {JSON} or {FORM}, got {name or 'none'}")
        return await fetch_pictures(body, request, gateway)

    def _from_json(self, content: bytes) -> R:
        try:
            return self.kind.model_validate_json(content)
        except ValidationError as error:
            raise refusal(error) from error

    def _from_form(self, form: Form) -> R:
        try:
            return self.kind.model_validate(form_values(self.kind, form))
        except ValidationError as error:
            raise refusal(error) from error


async def read_bytes(request: Request) -> bytes:
    """The whole body. Raises HTTPException, and ClientDisconnect when it does not come to its end."""
    return b"".join([piece async for piece in request.stream()])


async def read_form(request: Request) -> Form:
    """The fields of a form of several parts. Raises what `read_bytes`, `read_parts` and `decode` do."""
    fields: list[tuple[str, bool, bytearray]] = []
    async for part, piece in read_parts(request.stream(), request.headers["content-type"]):
        if part.index == len(fields):
            fields.append((part.name, part.is_file, bytearray()))
        fields[-1][2].extend(piece)
    return [
        (name, bytes(content) if is_file else decode(name, bytes(content)))
        for name, is_file, content in fields
    ]


def size_of(form: Form) -> int:
    """How much there is in a form, in bytes or characters."""
    return sum(len(value) for _, value in form)


async def read_in_turn(gateway: Gateway, size: int, read: Callable[[], T]) -> T:
    """What `read` makes of so many bytes: in the threads of the readers if they are many."""
    if size < SMALL_BYTES:
        return read()
    return await to_thread.run_sync(read, limiter=gateway.readers)


def refusal(error: ValidationError) -> Exception:
    """What a caller is told of a body that is not as it should be."""
    errors = error.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        return MalformedBody(f"the body is not JSON: {errors[0]['ctx']['error']}")
    return RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in errors])
