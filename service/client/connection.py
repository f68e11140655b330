"""One gateway as a client reaches it: requests that are sent again when that may help."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import stamina
from pydantic import BaseModel, ValidationError

from service.client.errors import UNREACHED, ClientError, error_of, stranger

REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
#: A stream is taken for dead after this long without even a comment, in seconds.
STREAM_SECONDS = 45.0
#: The first pause before a request is sent again, which doubles each time, and the longest.
PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 5.0
EVENTS = "text/event-stream"
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Answer = TypeVar("Answer", bound=BaseModel)

_is_visible = re.compile("[!-~]+").fullmatch


class Connection:
    """Requests to one gateway. Every method raises ClientError."""

    def __init__(self, url: str, api_key: str | None, max_attempts: int) -> None:
        # The message does not show it, as errors are logged.
        if api_key and not _is_visible(api_key):
            raise ClientError("the API key holds what no key does, such as a space or the end of a line")
        self._url = url.rstrip("/")
        self._max_attempts = max_attempts
        try:
            self._http = httpx.Client(
                base_url=self._url,
                headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
                timeout=httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
                # A proxy that the environment names does not lead back to this machine.
                trust_env=httpx.URL(self._url).host not in LOOPBACK,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ClientError(f"{url} is not a URL: {error}") from error

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def ask(self, kind: type[Answer], method: str, path: str, **options: Any) -> Answer:
        """What a request, sent as `request` does, is answered with."""
        response = self.request(method, path, **options)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise stranger(response) from error

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request that may arrive twice without harm; again while the gateway is away or busy."""
        for attempt in stamina.retry_context(
            on=_pause_after,
            attempts=self._max_attempts,
            timeout=None,
            wait_initial=PAUSE_SECONDS,
            wait_max=MAX_PAUSE_SECONDS,
            wait_jitter=PAUSE_SECONDS,
        ):
            with attempt, self._readable_errors():
                response = self._http.request(method, path, **options)
                if not response.is_success:
                    raise error_of(response)
                return response
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[Iterator[str]]:
        """The lines of an event stream as they come; nothing is sent again."""
        headers = {"Accept": EVENTS, **headers}
        timeout = httpx.Timeout(STREAM_SECONDS, connect=CONNECT_SECONDS)
        with (
            self._readable_errors(),
            self._http.stream("GET", path, headers=headers, timeout=timeout) as response,
        ):
            if not response.is_success:
                response.read()
                raise error_of(response)
            if not response.headers.get("Content-Type", "").startswith(EVENTS):
                raise stranger(response)
            yield response.iter_lines()

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.UnsupportedProtocol as error:
            raise ClientError(f"{self._url} is not a URL of a gateway: {error}") from error
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError) as error:
            raise ClientError(f"the request cannot be sent: {error}") from error
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            raise ClientError(f"cannot reach the gateway at {self._url}: {reason}", UNREACHED) from error


def _pause_after(error: Exception) -> bool | float:
    """Whether to send a request again, or after how many seconds."""
    if not isinstance(error, ClientError) or not error.is_passing:
        return False
    return True if error.retry_after is None else error.retry_after
