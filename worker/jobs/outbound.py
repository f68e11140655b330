"""Requests to addresses that callers name: they connect only to what the guard has let through."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from worker.jobs.addresses import DEFAULT_PORTS, Guard
from worker.jobs.errors import FetchFailed, FetchTooLarge, HostUnknown

USER_AGENT = "kandinsky-serve"
#: How long a whole exchange may take, in seconds, however slowly its bytes drip.
EXCHANGE_SECONDS = 10.0
#: How long an address may take to be connected to, in seconds, before the next one of its host is tried.
CONNECT_SECONDS = 3.0
#: No connection is kept: one to the same address may have been made, and its certificate checked, for
#: another name.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)


@dataclass(frozen=True)
class Fetched:
    """What an address has answered."""

    content: bytes
    #: As the answer has it, in lower case and without parameters; empty when it has none.
    content_type: str


class GuardedTransport(httpx.AsyncBaseTransport):
    """Looks a name up, checks its addresses, and connects to the very ones that were checked."""

    def __init__(self, guard: Guard, tls: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._inner = httpx.AsyncHTTPTransport(verify=tls or _tls(), limits=_LIMITS, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises AddressRefused and HostUnknown besides what httpx raises."""
        self._guard.check_url(str(request.url))
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or DEFAULT_PORTS[request.url.scheme]
        *others, last = await self._guard.resolve(host, port)
        for address in others:
            try:
                return await self._send(request, host, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(request, host, last)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _send(self, request: httpx.Request, host: str, address: str) -> httpx.Response:
        # The Host header was set from the name; TLS asks for the name and checks the certificate for it.
        there = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host.rstrip(".")},
        )
        return await self._inner.handle_async_request(there)


def open_client(guard: Guard, tls: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A client that follows no redirects, uses no proxies, and sends no cookies or credentials of ours."""
    return httpx.AsyncClient(
        transport=GuardedTransport(guard, tls),
        timeout=httpx.Timeout(EXCHANGE_SECONDS, connect=CONNECT_SECONDS),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        # What one answer sets would go with the next request to that host, which may be for another caller.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


async def fetch(url: str, max_bytes: int, guard: Guard, seconds: float = EXCHANGE_SECONDS) -> Fetched:
    """What lies at a URL.

    Raises AddressRefused; FetchTooLarge as soon as more than `max_bytes` have come; and FetchFailed when
    there is no whole answer within `seconds`, or one that is not 200.
    """
    try:
        async with (
            asyncio.timeout(seconds),
            open_client(guard) as client,
            client.stream("GET", url) as response,
        ):
            return await _read(response, max_bytes)
    except TimeoutError as error:
        raise FetchFailed(f"did not answer within {seconds:g} s") from error
    except (HostUnknown, httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchFailed(f"could not be fetched: {str(error) or type(error).__name__}") from error


async def read_at_most(response: httpx.Response, max_bytes: int) -> bytes | None:
    """The body of an answer; None once it is longer than this, and what is left of it is not read."""
    chunks = bytearray()
    async for chunk in response.aiter_raw():
        chunks += chunk
        if len(chunks) > max_bytes:
            return None
    return bytes(chunks)


async def _read(response: httpx.Response, max_bytes: int) -> Fetched:
    if response.status_code != httpx.codes.OK:
        raise FetchFailed(f"was answered with status {response.status_code}, not 200")
    content = await read_at_most(response, max_bytes)
    if content is None:
        raise FetchTooLarge(max_bytes)
    content_type = response.headers.get("content-type", "").partition(";")[0]
    return Fetched(content, content_type.strip().lower())


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates of all authorities takes 20 ms.
    return httpx.create_ssl_context(trust_env=False)
