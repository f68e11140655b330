"""`kandinsky up`: Valkey, one worker and the gateway on this machine, started and stopped together."""

import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rich.console import Console
from rich.text import Text

from service.access.auth import needs_key
from service.listener import CannotStart, listen
from service.settings import GatewaySettings
from service.up.banner import banner, offered
from service.up.data_folder import published, reserve
from service.up.stack import Stack
from service.up.supervisor import StopRequested, Supervisor
from service.up.valkey import EmbeddedValkey, ServerMissing, find_server, free_port
from worker.jobs.catalog import Catalog
from worker.jobs.keys import KeyStore


def run(port: int, host: str, data: Path, checkpoints: str | None = None) -> int:
    """Run everything until Ctrl-C or SIGTERM.

    `data` keeps jobs and pictures from one start to the next. Returns the exit code: 1 when something cannot
    start, after one line that says what. Raises ValidationError for a setting that cannot be.
    """
    try:
        settings = GatewaySettings(port=port or free_port(), host=host)
        with reserve(data.resolve()) as lock:
            _serve(_plan(settings, data.resolve(), checkpoints, lock))
    except (CannotStart, ServerMissing) as error:
        print(f"kandinsky: {error}", file=sys.stderr)
        return 1
    return 0


def _plan(settings: GatewaySettings, data: Path, checkpoints: str | None, lock: int) -> Stack:
    """What will run; raises CannotStart when the port is taken."""
    listen(settings.host, settings.port).close()
    readable = settings.log_format == "auto" and sys.stdout.isatty()
    return Stack(
        host=settings.host,
        port=settings.port,
        data=data,
        checkpoints=checkpoints,
        log_format="console" if readable else settings.log_format,
        valkey=EmbeddedValkey(data / "redis", free_port(), secrets.token_urlsafe()),
        valkey_binary=find_server(),
        lock=lock,
        needs_key=needs_key(settings),
    )


def _serve(stack: Stack) -> None:
    console = Console(highlight=False, soft_wrap=True)
    supervisor = Supervisor(lambda name, line: console.print(Text(f"{name:>8} | ", style="dim") + Text(line)))
    with _signals_to(supervisor):
        try:
            with suppress(StopRequested), published(stack.data, stack.valkey.url):
                _start(stack, supervisor, console)
                _announce(stack, console)
                supervisor.watch()
        finally:
            console.print("Stopping")
            supervisor.stop()


def _start(stack: Stack, supervisor: Supervisor, console: Console) -> None:
    began = datetime.now(UTC)
    with _connect(stack) as redis:
        supervisor.start(stack.server)
        _await("Valkey", lambda: _answers_ping(redis), supervisor, console)
        if stack.needs_key:
            _make_first_key(redis, console)
        supervisor.start(stack.worker)
        supervisor.start(stack.gateway)
        _await("The gateway", lambda: _answers(f"{stack.url}/livez"), supervisor, console)
        _await(
            "The worker",
            lambda: _serves_since(began, redis),
            supervisor,
            console,
        )


def _make_first_key(redis: Redis, console: Console) -> None:
    """Nobody could make one before Valkey runs, and without one the gateway would not start."""
    keys = KeyStore(redis)
    if not any(key.is_good(datetime.now(UTC)) for key in keys.list()):
        _, token = keys.create("first")
        console.print(f"The first API key, which is not shown again: {token}", style="bold", markup=False)


def _await(name: str, ready: Callable[[], bool], supervisor: Supervisor, console: Console) -> None:
    began = time.monotonic()
    with console.status(f"{name} starts") as status:
        for _ in supervisor.polls():
            if ready():
                break
            status.update(f"{name} starts: {time.monotonic() - began:.0f} s")
    console.print(f"{name} is ready after {time.monotonic() - began:.1f} s")


def _answers_ping(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def _serves_since(began: datetime, redis: Redis) -> bool:
    """Whether a worker of this run serves; one of an earlier run may still be in the catalog."""
    try:
        return any(card.started_at >= began for card in Catalog(redis).workers())
    except RedisError:
        return False


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _announce(stack: Stack, console: Console) -> None:
    with _connect(stack) as redis, suppress(RedisError):
        console.print(f"\nKandinsky is ready: {stack.url}", style="bold", markup=False)
        console.print(banner(stack, offered(Catalog(redis))), markup=False)


def _connect(stack: Stack) -> Redis:
    return Redis.from_url(stack.valkey.url, socket_timeout=2, retry=Retry(NoBackoff(), 0))


@contextmanager
def _signals_to(supervisor: Supervisor) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, supervisor.on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
