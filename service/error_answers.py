"""The answers that tell errors: the one shape of all, and the handlers that give it to whatever is raised."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from redis import exceptions as redis_errors
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from service.errors import (
    RETRY_AFTER_QUEUE_FULL_SECONDS,
    ApiError,
    InvalidRequest,
    MalformedBody,
    NotFound,
    RateLimited,
    TooManyJobs,
    Unavailable,
    UnsupportedMediaType,
)
from service.validation import describe, field_name
from worker.jobs.errors import (
    ImageNotFound,
    JobNotFound,
    OwnerBusy,
    QueueFull,
    StoreUnavailable,
)

MAX_LISTED_ERRORS = 10

CODES = {
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "payload_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limited",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
#: What redis-py raises while Redis cannot be used, and how its errors begin that are of no class.
AWAY = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.OutOfMemoryError,
    redis_errors.ReadOnlyError,
)
AWAY_CODES = ("NOREPLICAS", "MISCONF")

log = structlog.get_logger("gateway")


class ErrorBody(BaseModel):
    """What went wrong."""

    code: str = Field(description="What to branch on: `invalid_request`, `not_found`, `unavailable`, ...")
    message: str = Field(description="One sentence for people; it names the field, the value and the limit.")
    param: str | None = Field(description="The field at fault.")
    details: dict[str, Any] | None = Field(description="Whatever else a program could use.")
    type: str = Field(description="The class of errors that the code belongs to, as OpenAI names them.")


class ErrorResponse(BaseModel):
    """The one shape of every error."""

    error: ErrorBody


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of the routes, the router and the parts behind them in the one shape."""
    for kind in (
        ApiError,
        HTTPException,
        RequestValidationError,
        JobNotFound,
        ImageNotFound,
        QueueFull,
        OwnerBusy,
        StoreUnavailable,
        redis_errors.RedisError,
    ):
        app.add_exception_handler(kind, _handle)


def error_response(error: ApiError) -> Response:
    """The answer that tells `error`."""
    body = ErrorBody(
        code=error.code,
        message=error.message,
        param=error.param,
        details=error.details,
        type=_type(error.status),
    )
    # ASCII only: a message may quote what UTF-8 cannot carry, such as half of a surrogate pair.
    content = json.dumps({"error": body.model_dump(mode="json")})
    return Response(content, int(error.status), error.headers, "application/json")


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the API documentation of a route says about its errors."""
    return {status: {"model": ErrorResponse, "description": HTTPStatus(status).phrase} for status in statuses}


async def _handle(request: Request, exception: Exception) -> Response:
    if isinstance(exception, HTTPException) and exception.status_code == HTTPStatus.NO_CONTENT:
        return Response(status_code=exception.status_code, headers=exception.headers)
    return error_response(translate(request, exception))


def translate(request: Request, exception: Exception) -> ApiError:
    """The error that a caller is told of an exception; raises what none is told of."""
    match exception:
        case ApiError():
            return exception
        case RequestValidationError():
            return _from_validation(request, exception.errors())
        case HTTPException():
            return _from_http(request, exception)
        case JobNotFound():
            return NotFound(str(exception), param="job_id")
        case ImageNotFound():
            return NotFound(str(exception), param="image_id")
        case QueueFull():
            return TooManyJobs(str(exception))
        case OwnerBusy():
            limit = {"max_active": exception.limit}
            return RateLimited(str(exception), RETRY_AFTER_QUEUE_FULL_SECONDS, limit)
        case StoreUnavailable():
            return _away("the image store", exception)
        case redis_errors.RedisError() if _is_away(exception):
            return _away("Redis", exception)
        case _:
            raise exception


def _is_away(error: redis_errors.RedisError) -> bool:
    """Whether Redis does not answer, or takes no writes for now, as a replica or on a full disk."""
    return isinstance(error, AWAY) or str(error).startswith(AWAY_CODES)


def _away(part: str, exception: Exception) -> Unavailable:
    # The reason names addresses and folders, which are for the operator only.
    log.warning("a part is away", part=part, reason=str(exception))
    return Unavailable(f"{part} does not answer; try again")


def _from_http(request: Request, exception: HTTPException) -> ApiError:
    status = HTTPStatus(exception.status_code)
    path = request.url.path
    messages = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {path}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{path} does not take {request.method}",
    }
    headers = dict(exception.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed_methods(request)
    error = ApiError(messages.get(status, str(exception.detail)), headers=headers)
    error.status = status
    error.code = CODES.get(status, "invalid_request" if status < 500 else "internal")
    return error


def _allowed_methods(request: Request) -> str:
    """What the path takes: the router knows only the methods of the first of its routes."""
    app: FastAPI = request.app
    # The first is the most special: what names a part of the path comes before what takes any.
    for template, operations in app.openapi()["paths"].items():
        if compile_path(template)[0].match(request.url.path):
            return ", ".join(sorted(map(str.upper, operations)))
    return "GET"


def _from_validation(request: Request, errors: Sequence[Any]) -> ApiError:
    first = errors[0]
    if first["type"] == "json_invalid":
        reason = f"{first['ctx']['error']} at character {first['loc'][-1]}"
        return MalformedBody(f"the body is not JSON: {reason}")
    if isinstance(first["input"], bytes) and first["loc"] == ("body",):
        given = request.headers.get("content-type", "none")
        return UnsupportedMediaType(f"Content-Type should be application/json, got {given}")
    listed = [_listed(error) for error in errors[:MAX_LISTED_ERRORS]]
    return InvalidRequest(str(listed[0]["message"]), param=listed[0]["param"], details={"errors": listed})


def _listed(error: Any) -> dict[str, str | None]:
    # The first part of a location says whether it is in the body, the path or a header.
    param = field_name(error["loc"][1:]) or None
    return {"param": param, "message": describe(param or "the body", error)}


def _type(status: HTTPStatus) -> str:
    return TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
