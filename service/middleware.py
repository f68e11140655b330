"""What happens to every request around its route, in pure ASGI."""

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.callers import ANYBODY
from service.error_answers import error_response
from service.errors import Internal
from service.metrics import GatewayMetrics

#: What a caller may send as a request id; anything else is replaced, so that nobody writes our log lines.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")
#: Routes that machines call every few seconds; they are logged only when they fail.
PROBES = frozenset({"/livez", "/readyz", "/metrics"})

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
        # Of what the caller sent only that which is no secret: the query may have a signature.
        caller = scope.get("state", {}).get("caller", ANYBODY)
        who = {"owner": caller.owner, "key": caller.name} if caller.owner else {}
        log.info("request", method=scope["method"], path=scope["path"], status=status, ms=milliseconds, **who)


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
