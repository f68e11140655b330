"""Every error that a caller can see, in one shape, and the handlers that give it that shape."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from redis import exceptions as redis_errors
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from service.validation import describe, field_name
from worker.jobs.errors import (
    ImageNotFound,
    JobNotFound,
    OwnerBusy,
    QueueFull,
    StoreUnavailable,
)

RETRY_AFTER_SECONDS = 2
RETRY_AFTER_QUEUE_FULL_SECONDS = 10
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


class ApiError(Exception):
    """A refusal: an HTTP status, a code and a message."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        details: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.details = details
        self.headers = dict(headers or {})


class InvalidRequest(ApiError):
    """A field of the request is wrong."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_request"


class InvalidImage(InvalidRequest):
    """A picture of the request cannot be read, or is not one that its model can work on."""

    code = "invalid_image"

    def __init__(self, param: str, reason: str) -> None:
        super().__init__(f"{param} {reason}", param=param)


class PayloadTooLarge(ApiError):
    """A picture of the request has more bytes than it may."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"


class ContentFiltered(InvalidRequest):
    """The content rules do not allow what the request asks for."""

    code = "content_filtered"


class MalformedBody(ApiError):
    """The body cannot be read at all."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class UnsupportedMediaType(ApiError):
    """The body is not of the kind that the route reads."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class Unauthorized(ApiError):
    """There is no API key, or it opens nothing."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"

    def __init__(self, message: str) -> None:
        super().__init__(message, param="Authorization", headers={"WWW-Authenticate": "Bearer"})


class Forbidden(ApiError):
    """The URL of a picture has expired, or was changed."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(ApiError):
    """There is no such job, or no such picture."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class RangeNotSatisfiable(ApiError):
    """The bytes that were asked for are not in the picture."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    code = "invalid_request"


class IdempotencyKeyReuse(ApiError):
    """The idempotency key stands for another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reuse"

    def __init__(self, message: str) -> None:
        super().__init__(message, param="Idempotency-Key")


class IdempotencyConflict(ApiError):
    """The idempotency key stands for a job that there is no more."""

    status = HTTPStatus.CONFLICT
    code = "idempotency_conflict"

    def __init__(self, message: str) -> None:
        super().__init__(message, param="Idempotency-Key")


class TooManyJobs(ApiError):
    """The queue is at its limit, or a job would wait in it for too long."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "queue_full"

    def __init__(
        self,
        message: str,
        retry_after: int = RETRY_AFTER_QUEUE_FULL_SECONDS,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, details=details, headers={"Retry-After": str(retry_after)})


class RateLimited(ApiError):
    """An API key is used more than it may be."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limited"

    def __init__(self, message: str, retry_after: int, details: dict[str, Any]) -> None:
        headers = {"Retry-After": str(retry_after)}
        super().__init__(message, param="Authorization", details=details, headers=headers)


class Unavailable(ApiError):
    """A part of the service is away; the same request may work in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message, details=details, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class ModelUnavailable(Unavailable):
    """No worker has ever announced a model for what is asked, or those that are alive serve none."""

    code = "model_unavailable"


class Internal(ApiError):
    """A fault of the service, told without its inner workings."""

    def __init__(self) -> None:
        super().__init__("the service failed to answer; its log tells more under this request id")


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
