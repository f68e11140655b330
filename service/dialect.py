"""Routes that speak the API of another service: the same refusals under its statuses and field names."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from service.bodies.forms import Form
from service.bodies.media_types import FORM, JSON, media_type
from service.bodies.reading import read_bytes, read_form, read_in_turn, refusal, size_of
from service.dependencies import TheCaller, TheGateway
from service.error_answers import translate
from service.errors import ApiError, UnsupportedMediaType

Asked = TypeVar("Asked", bound=BaseModel)


class DialectRoute(APIRoute):
    """A route on which what is wrong with a request is 400, where ours say 422."""

    #: Our names of fields, and what the fields are called there.
    names: ClassVar[Mapping[str, str]] = {}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request. Raises ApiError."""
        handle = super().get_route_handler()

        async def handle_in_dialect(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                raise self._reword(translate(request, error)) from error

        return handle_in_dialect

    def _reword(self, error: ApiError) -> ApiError:
        if error.status is HTTPStatus.UNPROCESSABLE_ENTITY:
            error.status = HTTPStatus.BAD_REQUEST
        error.param, error.message = self._rename(error.param, error.message)
        for each in (error.details or {}).get("errors", ()):
            each["param"], each["message"] = self._rename(each["param"], each["message"])
        return error

    def _rename(self, param: str | None, message: str) -> tuple[str | None, str]:
        name = self.names.get(param or "")
        return (name, f"{name}: {message}") if name else (param, message)


class DialectBody(Generic[Asked]):
    """What a route depends on to be given its body, once it is known who sends it: JSON, or a form."""

    def __init__(
        self, kind: type[Asked], from_form: Callable[[Form], Mapping[str, object]] | None = None
    ) -> None:
        """`from_form` makes of a form the fields of a request, which else come as JSON."""
        self.kind = kind
        self.media = JSON if from_form is None else FORM
        self._from_form = from_form

    async def __call__(self, request: Request, gateway: TheGateway, caller: TheCaller) -> Asked:
        """The request.

        Raises UnsupportedMediaType, MalformedBody, InvalidRequest, RequestValidationError and HTTPException.
        """
        given = media_type(request.headers)
        if given != self.media:
            raise UnsupportedMediaType(f"Content-Type should be {self.media}, got {given or 'none'}")
        try:
            if (from_form := self._from_form) is not None:
                form = await read_form(request)
                return await read_in_turn(
                    gateway, size_of(form), lambda: self.kind.model_validate(from_form(form))
                )
            content = await read_bytes(request)
            return await read_in_turn(gateway, len(content), lambda: self.kind.model_validate_json(content))
        except ValidationError as error:
            raise refusal(error) from error


def build(kind: type[Asked], fields: Mapping[str, object]) -> Asked:
    """One of our requests from what was asked for in a dialect, None being what was left out.

    Raises RequestValidationError, as if it had come by itself.
    """
    try:
        return kind(**{name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise refusal(error) from error
