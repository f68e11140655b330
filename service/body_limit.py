"""What a body may cost: bytes, values, the time that it takes to come, and the memory that holds it."""

import asyncio
import time
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.media_types import is_json, media_type
from service.settings import GatewaySettings

#: Most commas and opening brackets of a JSON body. Only pictures are large, and base64 has none, while all
#: other requests would wait for seconds as millions of small values are read.
MAX_SEPARATORS = 20_000
#: Bytes a second that are slow, but not so slow that a body is only meant to take up memory.
MIN_BYTES_PER_SECOND = 16 * 1024
RETRY_AFTER_SECONDS = 2


class BodyLimit:
    """Refuses a body that is too large, announced or not, of too many values, or too slow.

    So it does with any that does not fit into the memory which all bodies may take up together.
    """

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self.app = app
        self.max_bytes = settings.max_body_bytes
        self.max_held_bytes = settings.max_bodies_bytes
        self.pause_seconds = settings.body_timeout_seconds
        #: How much of all bodies is in memory now.
        self.held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self, scope, receive)
        try:
            await self.app(scope, body.receive, send)
        except ClientDisconnect:
            return  # nobody is left to be answered
        finally:
            body.give_back()


def pass_on(request: Request, max_bytes: int) -> None:
    """Say that of the body of a request no more than this is in memory at a time, as it goes elsewhere."""
    request.state.max_kept_bytes = max_bytes


class _Body:
    """The body of one request, as it comes."""

    def __init__(self, limit: BodyLimit, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        self._limit = limit
        self._receive = receive
        self._state = scope.setdefault("state", {})
        self._announced = int(announced) if announced.isdecimal() else 0
        self._is_json = is_json(media_type(headers))
        #: How long the caller has let us wait, in seconds; how long we took ourselves is no fault of theirs.
        self._waited = 0.0
        self._received = self._held = self._num_separators = 0
        self._is_complete = False

    async def receive(self) -> Message:
        """The next piece. Raises HTTPException, the only kind that every reader of a body lets through."""
        # What comes after a body is that the caller has gone, and that may take its time.
        if self._is_complete:
            return await self._receive()
        self._check_size(self._announced)
        self._check_room(min(self._announced, self._max_kept) - self._held)
        message = await self._next()
        self._is_complete = not message.get("more_body", False)
        self._keep(message.get("body", b""))
        return message

    def give_back(self) -> None:
        """Forget what was kept."""
        self._limit.held_bytes -= self._held
        self._held = 0

    async def _next(self) -> Message:
        pause = self._limit.pause_seconds
        steady = pause + self._received / MIN_BYTES_PER_SECOND - self._waited
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(pause, steady)):
                return await self._receive()
        except TimeoutError:
            message = f"the body should come within {pause:g} seconds, or in pieces without longer pauses"
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, message, headers={"Connection": "close"}
            ) from None
        finally:
            self._waited += time.monotonic() - began

    def _keep(self, piece: bytes) -> None:
        self._received += len(piece)
        self._check_size(self._received)
        more = min(self._held + len(piece), self._max_kept) - self._held
        self._check_room(more)
        self._held += more
        self._limit.held_bytes += more
        if self._is_json:
            self._num_separators += sum(piece.count(separator) for separator in b",[{")
        if self._num_separators > MAX_SEPARATORS:
            raise _too_large(f"{MAX_SEPARATORS} commas and brackets", self._num_separators)

    def _check_size(self, size: int) -> None:
        if size > self._limit.max_bytes:
            raise _too_large(f"{self._limit.max_bytes} bytes", size)

    def _check_room(self, size: int) -> None:
        if self._limit.held_bytes + size > self._limit.max_held_bytes:
            message = "the service holds as many bodies of requests as it can; try again"
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, message, headers=headers)

    @property
    def _max_kept(self) -> int:
        return int(self._state.get("max_kept_bytes", self._limit.max_bytes))


def _too_large(limit: str, given: int) -> HTTPException:
    message = f"the body should have at most {limit}, got {given} or more"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
