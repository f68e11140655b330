"""What happens to every request around its route, in pure ASGI."""

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Internal, error_response
from service.metrics import GatewayMetrics

#: What a caller may send as a request id; anything else is replaced, so that nobody writes our log lines.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")
#: Routes that machines call every few seconds; they are logged only when they fail.
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
#: Most commas and opening brackets of a body. Only pictures are large, and base64 has none, while all other
#: requests would wait for seconds as millions of small values are read.
MAX_SEPARATORS = 20_000

log = structlog.get_logger("gateway")


class RequestId:
    """Gives every request an id, its own if it brings one, and sends it back in `X-Request-ID`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_id)


class Observation:
    """Counts, times and logs every request, and answers for a route that broke."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self.app(scope, receive, answer.send)
        except Exception:
            log.exception("unexpected error", method=scope["method"], path=scope["path"])
            if answer.status is None:
                await error_response(Internal())(scope, receive, answer.send)
        finally:
            self._record(scope, answer)

    def _record(self, scope: Scope, answer: "_Answer") -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        # 499, as nginx has it: the caller went away before the answer began.
        status = answer.status or 499
        self.metrics.observe(scope["method"], route, status, answer.seconds_to_head)
        if route in PROBES and status < HTTPStatus.BAD_REQUEST:
            return
        milliseconds = round(1000 * (time.perf_counter() - answer.started_at), 1)
        log.info("request", method=scope["method"], path=scope["path"], status=status, ms=milliseconds)


class BodyLimit:
    """Refuses a body of more than `max_bytes`, announced or not, or of too many values."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        size = int(announced) if announced.isdecimal() else 0
        received = num_separators = 0

        async def receive_some() -> Message:
            nonlocal received, num_separators
            if size > self.max_bytes:
                raise _refusal(f"{self.max_bytes} bytes", size)
            message = await receive()
            body = message.get("body", b"")
            received += len(body)
            if received > self.max_bytes:
                raise _refusal(f"{self.max_bytes} bytes", received)
            num_separators += sum(body.count(separator) for separator in b",[{")
            if num_separators > MAX_SEPARATORS:
                raise _refusal(f"{MAX_SEPARATORS} commas and brackets", num_separators)
            return message

        await self.app(scope, receive_some, send)


def _refusal(limit: str, given: int) -> HTTPException:
    # The only kind of exception that the reader of the body lets through to the handlers.
    message = f"the body should have at most {limit}, got {given} or more"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


class _Answer:
    """Passes an answer on and notes its status and when it began."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started_at = time.perf_counter()
        self.status: int | None = None
        self.head_at: float | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            self.head_at = time.perf_counter()
        await self._send(message)

    @property
    def seconds_to_head(self) -> float:
        return (self.head_at or time.perf_counter()) - self.started_at
