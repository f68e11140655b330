"""Every error that a caller can see."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

RETRY_AFTER_SECONDS = 2
RETRY_AFTER_QUEUE_FULL_SECONDS = 10


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

    def __init__(self, message: str, param: str = "Authorization") -> None:
        super().__init__(message, param=param, headers={"WWW-Authenticate": "Bearer"})


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
