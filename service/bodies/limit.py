"""What a body may cost: bytes, values, the time that it takes to come, and the memory that holds it."""

import asyncio
import time
from collections import Counter
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.callers import ANYBODY, Caller
from service.bodies.media_types import is_json, media_type
from service.errors import RETRY_AFTER_SECONDS
from service.settings import GatewaySettings

#: Most commas and opening brackets of a JSON body. Only pictures are large, and base64 has none, while all
#: other requests would wait for seconds as millions of small values are read.
MAX_SEPARATORS = 20_000
#: Bytes a second that are slow, but not so slow that a body is only meant to take up memory.
MIN_BYTES_PER_SECOND = 16 * 1024


class BodyLimit:
    """Refuses a body that is too large, announced or not, of too many values, or too slow.

    So it does with any that does not fit into the memory which all bodies may take up together, of which one
    API key gets half at most: it cannot leave nothing to the others.
    """

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self.app = app
        self.max_bytes = settings.max_body_bytes
        self.max_held_bytes = settings.max_bodies_bytes
        self.max_share_bytes = max(settings.max_bodies_bytes // 2, settings.max_body_bytes)
        self.pause_seconds = settings.body_timeout_seconds
        #: How much of all bodies is in memory now, by the owners of their API keys.
        self.held_bytes: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self, scope, receive)
        scope.setdefault("state", {})["incoming"] = body
        try:
            await self.app(scope, body.receive, send)
        except ClientDisconnect:
            return  # nobody is left to be answered
        finally:
            body.give_back()


def pass_on(request: Request, max_bytes: int) -> None:
    """Say that of the body of a request no more than this is in memory at a time, as it goes elsewhere."""
    request.state.incoming.max_kept = max_bytes


def hold(request: Request, num_bytes: int) -> None:
    """Count what a request has in memory besides its body, until it is answered. Raises HTTPException."""
    request.state.incoming.hold(num_bytes)


class _Body:
    """The body of one request, as it comes."""

    def __init__(self, limit: BodyLimit, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        self._limit = limit
        self._receive = receive
        self._scope = scope
        self._announced = int(announced) if announced.isdecimal() else 0
        self._is_json = is_json(media_type(headers))
        #: How much of it is in memory at most.
        self.max_kept = limit.max_bytes
        #: How long the caller has let us wait, in seconds, less what their bytes have made good since; how
        #: long we took ourselves is no fault of theirs.
        self._behind = 0.0
        self._received = self._kept = self._num_separators = 0
        #: What was counted as held, by owner.
        self._held: Counter[str] = Counter()
        self._is_complete = False

    async def receive(self) -> Message:
        """The next piece. Raises HTTPException, the only kind that every reader of a body lets through."""
        # What comes after a body is that the caller has gone, and that may take its time.
        if self._is_complete:
            return await self._receive()
        self._check_size(self._announced)
        self._check_room(min(self._announced, self.max_kept) - self._kept)
        message = await self._next()
        self._is_complete = not message.get("more_body", False)
        self._keep(message.get("body", b""))
        return message

    def hold(self, num_bytes: int) -> None:
        """Count so many bytes as in memory. Raises HTTPException when they do not fit."""
        self._check_room(num_bytes)
        self._held[self._owner] += num_bytes
        self._limit.held_bytes[self._owner] += num_bytes

    def give_back(self) -> None:
        """Forget what was held."""
        self._limit.held_bytes -= self._held
        self._held.clear()

    async def _next(self) -> Message:
        pause = self._limit.pause_seconds
        began = time.monotonic()
        try:
            async with asyncio.timeout(pause - self._behind):
                return await self._receive()
        except TimeoutError:
            message = f"the body should come within {pause:g} seconds, or in pieces without longer pauses"
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, message, headers={"Connection": "close"}
            ) from None
        finally:
            self._behind += time.monotonic() - began

    def _keep(self, piece: bytes) -> None:
        self._received += len(piece)
        # What came fast makes good what came slowly before, but is no leave to be slow later.
        self._behind = max(0.0, self._behind - len(piece) / MIN_BYTES_PER_SECOND)
        self._check_size(self._received)
        more = max(0, min(len(piece), self.max_kept - self._kept))
        self._kept += more
        self.hold(more)
        if self._is_json:
            self._num_separators += sum(piece.count(separator) for separator in b",[{")
        if self._num_separators > MAX_SEPARATORS:
            raise _too_large(f"{MAX_SEPARATORS} commas and brackets", self._num_separators)

    def _check_size(self, size: int) -> None:
        if size > self._limit.max_bytes:
            raise _too_large(f"{self._limit.max_bytes} bytes", size)

    def _check_room(self, size: int) -> None:
        held, limit = self._limit.held_bytes, self._limit
        is_mine_full = bool(self._owner) and held[self._owner] + size > limit.max_share_bytes
        if is_mine_full or held.total() + size > limit.max_held_bytes:
            message = "the service holds as many bodies of requests as it can; try again"
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, message, headers=headers)

    @property
    def _owner(self) -> str:
        """Whose key it came with, which is known once somebody has looked; empty for none."""
        caller: Caller = self._scope["state"].get("caller", ANYBODY)
        return caller.owner


def _too_large(limit: str, given: int) -> HTTPException:
    message = f"the body should have at most {limit}, got {given} or more"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
