"""One gateway as a client reaches it: requests that are sent again when that may help."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import stamina

from service.client.errors import UNREACHED, ClientError, error_of

REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
#: A stream is taken for dead after this long without even a comment, in seconds.
STREAM_SECONDS = 45.0
#: The first pause before a request is sent again, which doubles each time, and the longest.
PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 5.0
#: A gateway that wants to be left alone for longer than this is not asked again.
MAX_RETRY_AFTER_SECONDS = 60.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Connection:
    """Requests to one gateway. Every method raises ClientError."""

    def __init__(self, url: str, api_key: str | None, max_attempts: int) -> None:
        self._url = url.rstrip("/")
        self._max_attempts = max_attempts
        try:
            self._http = httpx.Client(
                base_url=self._url,
                headers={} if api_key is None else {"Authorization": f"Bearer {api_key}"},
                timeout=httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
                # A proxy that the environment names does not lead back to this machine.
                trust_env=httpx.URL(self._url).host not in LOOPBACK,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ClientError(f"{url} is not a URL: {error}") from error

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

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
                if response.is_error:
                    raise error_of(response)
                return response
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[Iterator[str]]:
        """The lines of an answer as they come; nothing is sent again."""
        timeout = httpx.Timeout(STREAM_SECONDS, connect=CONNECT_SECONDS)
        with (
            self._readable_errors(),
            self._http.stream("GET", path, headers=headers, timeout=timeout) as response,
        ):
            if response.is_error:
                response.read()
                raise error_of(response)
            yield response.iter_lines()

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.UnsupportedProtocol as error:
            raise ClientError(f"{self._url} is not a URL of a gateway: {error}") from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ClientError(f"cannot reach the gateway at {self._url}: {reason}", UNREACHED) from error


def _pause_after(error: Exception) -> bool | float:
    """Whether to send a request again, or after how many seconds."""
    if not isinstance(error, ClientError) or not error.is_passing:
        return False
    if error.retry_after is None:
        return True
    return error.retry_after <= MAX_RETRY_AFTER_SECONDS and error.retry_after
