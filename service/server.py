"""Running the gateway: what must work before it starts, and the HTTP server around it."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
import uvicorn
from redis.exceptions import RedisError

from service.access.auth import needs_key
from service.app import create_app
from service.connections import connect
from service.dependencies import Gateway
from service.descriptors import allow_descriptors
from service.listener import CannotStart, listen
from service.planning.styles import BadStyles, load_styles
from service.settings import GatewaySettings
from worker.jobs.errors import StoreUnavailable
from worker.jobs.images import ImageStore
from worker.jobs.keys import KeyStore
from worker.jobs.logs import configure_logs
from worker.jobs.words import BadWordList, load_words

#: How long answers may take to end once the gateway is asked to stop.
DRAIN_SECONDS = 5

log = structlog.get_logger("gateway")


class GatewayServer(uvicorn.Server):
    """A server that, when it stops, first ends the event streams, which would else outlast its patience."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end what is open and run the end of the lifespan."""
        app: Any = self.config.app
        gateway: Gateway = app.state.gateway
        gateway.followers.close()
        await super().shutdown(sockets)


def serve(settings: GatewaySettings) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotStart."""
    listener = listen(settings.host, settings.port)
    with listener:
        check_parts(settings)
        configure_logs(settings.log_format)
        allow_descriptors(settings.max_event_streams)
        config = uvicorn.Config(
            create_app(settings),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        host, port = listener.getsockname()[:2]
        log.info("gateway listens", host=host, port=port, needs_key=needs_key(settings))
        with _orderly_exit():
            GatewayServer(config).run(sockets=[listener])


@contextmanager
def _orderly_exit() -> Iterator[None]:
    """Exit with code 0 after a stop that was asked for; uvicorn would raise the signal again, unhandled."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, _exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _exit(number: int, frame: object) -> None:
    sys.exit(0)


def check_parts(settings: GatewaySettings) -> None:
    """Raise CannotStart unless Redis answers, the image store can be written, styles and words are sound."""
    try:
        with connect(settings) as redis:
            redis.ping()
            keys = KeyStore(redis).list()
    except (RedisError, ValueError) as error:
        where = settings.redis_address
        raise CannotStart(f"Redis at {where} (KANDINSKY_REDIS_URL) is not reachable: {error}") from error
    if needs_key(settings) and not any(key.is_good(datetime.now(UTC)) for key in keys):
        raise CannotStart(
            f"whoever calls {settings.host} needs an API key, and there is none: make one by `kandinsky keys "
            "create --name NAME`, or let everybody in (KANDINSKY_AUTH=none)"
        )
    try:
        ImageStore(settings.images_url).check()
    except StoreUnavailable as error:
        raise CannotStart(f"{error} (KANDINSKY_IMAGES_URL)") from error
    try:
        load_styles(settings.styles_file)
    except BadStyles as error:
        raise CannotStart(f"{error} (KANDINSKY_STYLES_FILE)") from error
    try:
        load_words(settings)
    except BadWordList as error:
        raise CannotStart(f"{error} (KANDINSKY_BLOCKED_WORDS_FILE)") from error
