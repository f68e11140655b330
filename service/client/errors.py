"""What goes wrong between a client and its gateway."""

import math
from typing import Any

import httpx

#: Stands for the code of an error when there was no answer.
UNREACHED = "unreached"
#: Statuses of what may be over soon; 502 and 504 are those of a proxy that does not reach the gateway.
PASSING = (429, 502, 503, 504)
#: A gateway that wants to be left alone for longer than this is not asked again.
MAX_RETRY_AFTER_SECONDS = 60.0


class ClientError(Exception):
    """The gateway was not reached, or refused; the message is one line for people."""

    def __init__(self, message: str, code: str | None = None, *, status: int | None = None) -> None:
        super().__init__(message)
        #: What to branch on: the code that the gateway answered with, `UNREACHED`, or None.
        self.code = code
        #: Status of the answer; None when there was none.
        self.status = status
        #: The field of the request at fault.
        self.param: str | None = None
        #: Whatever else a program could use.
        self.details: dict[str, Any] | None = None
        #: After how many seconds the gateway wants to be asked again.
        self.retry_after: float | None = None
        #: By which the gateway's log knows the request.
        self.request_id: str | None = None

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed soon."""
        if self.retry_after is not None and self.retry_after > MAX_RETRY_AFTER_SECONDS:
            return False
        return self.code == UNREACHED or self.status in PASSING


def error_of(response: httpx.Response) -> ClientError:
    """What a refusal says; its body is read."""
    try:
        body = response.json()["error"]
        error = ClientError(body["message"], body["code"], status=response.status_code)
        error.param, error.details = body["param"], body["details"]
    except (ValueError, KeyError, TypeError):
        error = stranger(response)
    error.retry_after = _seconds(response.headers.get("Retry-After", ""))
    error.request_id = response.headers.get("X-Request-ID")
    return error


def stranger(response: httpx.Response) -> ClientError:
    """What to say of an answer that no gateway gives."""
    message = f"{response.url} answered {response.status_code}, not as a Kandinsky gateway does"
    if response.has_redirect_location:
        message += f"; it sends on to {response.headers['Location']}"
    return ClientError(message, status=response.status_code)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
