"""The headers that every answer has, beside those of its route."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What scripts of other origins may read, where they may call at all.
EXPOSED = (
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Preference-Applied",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
    "X-Should-Retry",
)
METHODS = ("GET", "HEAD", "POST", "DELETE")

PROTECTION = {
    # Jobs are for their owners, and change; a picture says itself how it may be kept.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
#: The page of the API documentation is a script that comes from elsewhere.
DOCUMENTATION = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc"})
DOCUMENTATION_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline' https://cdn.jsdelivr.net",
        "style-src 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com",
        "font-src https://fonts.gstatic.com",
        "img-src 'self' data: https://fastapi.tiangolo.com https://cdn.redoc.ly",
        "worker-src blob:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    )
)


class AnswerHeaders:
    """Adds to every answer what protects it, and what its route has put into `request.state.headers`.

    The latter is also on an answer that tells an error, unlike what a route sets on its response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        added: dict[str, str] = scope.setdefault("state", {}).setdefault("headers", {})
        protection = PROTECTION
        if scope["path"] in DOCUMENTATION:
            protection = PROTECTION | {"Content-Security-Policy": DOCUMENTATION_POLICY}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(added)
                for name, value in protection.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
