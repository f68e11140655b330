"""Authentication: which API key a request comes with, and whether it needs one."""

import time
from collections.abc import Mapping
from ipaddress import ip_address

from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from service.access.callers import ANYBODY, Caller
from service.access.credentials import key_header, read_credentials
from service.access.signing import UrlSigner
from service.errors import Unauthorized
from service.settings import GatewaySettings
from worker.jobs.key import Credentials, Key
from worker.jobs.keys import KeyStore

#: How old what is known of a key may be, and so how late a change of it is seen.
FRESH_SECONDS = 2.0
#: How often it is seen whether Redis still holds the secret that signs URLs.
SECRET_SECONDS = 60.0

MAX_SHOWN_CHARACTERS = 80

#: What the API documentation says of keys; `KeyRing` reads them.
bearer = HTTPBearer(
    scheme_name="ApiKey",
    description="A key of `kandinsky keys create`; a gateway on a loopback address needs none. "
    "`X-Key: Key <id>` with `X-Secret: Secret <secret>` does the same.",
    auto_error=False,
)


class KeyRing:
    """The keys as this gateway knows them, each for a moment, so that most requests need not ask Redis."""

    def __init__(self, keys: KeyStore, settings: GatewaySettings) -> None:
        self._keys = keys
        self._settings = settings
        self._needs_key = needs_key(settings)
        #: Until when they are fresh, and the keys that were opened lately, by their ids.
        self._known: dict[str, tuple[float, Key]] = {}
        self._signer: tuple[float, UrlSigner] | None = None

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        """Whoever sent these headers. Raises Unauthorized and RedisError."""
        if self._settings.auth == "none":
            return ANYBODY
        credentials = self._read(headers)
        if credentials is not None:
            return await self._open(credentials, key_header(headers))
        if self._needs_key:
            raise Unauthorized("an API key is needed, as `Authorization: Bearer kdsk_...`")
        if self._is_foreign(headers):
            origin = headers["origin"][:MAX_SHOWN_CHARACTERS]
            raise Unauthorized(
                f"a page of {origin} needs an API key, or to be let in (KANDINSKY_CORS_ORIGINS)"
            )
        return ANYBODY

    async def signer(self) -> UrlSigner:
        """What signs the URLs of pictures. Raises RedisError."""
        now = time.monotonic()
        if self._signer is None or now > self._signer[0]:
            secret = await run_in_threadpool(self._keys.url_secret)
            self._signer = (now + SECRET_SECONDS, UrlSigner(secret, self._settings.url_seconds))
        return self._signer[1]

    def _read(self, headers: Mapping[str, str]) -> Credentials | None:
        try:
            return read_credentials(headers)
        except Unauthorized:
            # Clients of OpenAI always send a key; where none is needed, one that is not ours says nothing.
            if self._needs_key or "kdsk_" in headers.get("authorization", ""):
                raise
            return None

    def _is_foreign(self, headers: Mapping[str, str]) -> bool:
        """Whether a browser asks for a page of another site, which must not pass for whoever looks at it."""
        origin = headers.get("origin")
        if origin is None or origin.partition("://")[2] == headers.get("host"):
            return False
        if f"{self._settings.public_url}/".startswith(f"{origin}/"):
            return False
        return not {"*", origin} & set((self._settings.cors_origins or "").split(","))

    async def _open(self, credentials: Credentials, header: str) -> Caller:
        now = time.monotonic()
        until, known = self._known.get(credentials.key_id, (now, None))
        # What does not open is looked up: it may be new, and a key that is not there takes as long.
        if known is not None and now < until and credentials.open(known):
            return self._caller(known)
        key = await run_in_threadpool(self._keys.find, credentials.key_id)
        is_open = credentials.open(key)
        if key is None or not is_open:
            raise Unauthorized("the API key is unknown, revoked, or has expired", header)
        self._known[key.id] = (now + FRESH_SECONDS, key)
        return self._caller(key)

    def _caller(self, key: Key) -> Caller:
        # One that has no limit of its own leaves room in the queues to the others.
        share = -(-self._settings.max_queue_length // 2)
        return Caller(key.id, key.name, key.rate, key.max_active or share, key.priority)


def needs_key(settings: GatewaySettings) -> bool:
    """Whether callers of a gateway with these settings need an API key."""
    return settings.auth == "keys" or (settings.auth == "auto" and not is_loopback(settings.host))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`; no name but localhost is taken for such."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
