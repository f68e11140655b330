"""`kandinsky keys`: the operator's hold on API keys."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failure import explain, fail, variable
from service.up.data_folder import redis_url_file
from worker.jobs.job import Priority

if TYPE_CHECKING:
    from worker.jobs.key import Key
    from worker.jobs.keys import KeyStore

app = typer.Typer(
    name="keys",
    help="Make, list, rotate and revoke the API keys in the Redis of KANDINSKY_REDIS_URL.",
    no_args_is_help=True,
)

#: A hundred years.
MAX_DAYS = 36_500
MAX_SECONDS = 86_400 * MAX_DAYS

Data = Annotated[
    Path | None,
    typer.Option(help="Data folder of a running `kandinsky up`, in place of KANDINSKY_REDIS_URL."),
]
KeyId = Annotated[str, typer.Argument(help="Id of the key, as `list` shows it.")]
Owner = Annotated[str, typer.Argument(help="Id of the key; left out, of requests that need none.")]
Overlap = Annotated[
    int, typer.Option(min=0, max=MAX_SECONDS, help="Seconds for which the old one stays good.")
]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What it is for, as the log shows it.")],
    rate: Annotated[
        str | None, typer.Option(help="Most requests in a time, such as 60/minute; no limit if left out.")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Most jobs queued or running at once; half of a full queue if left out."),
    ] = None,
    priority: Annotated[Priority, typer.Option(help="Highest priority of its jobs.")] = Priority.INTERACTIVE,
    days: Annotated[
        int | None, typer.Option(min=1, max=MAX_DAYS, help="How long it is good; for ever if left out.")
    ] = None,
    data: Data = None,
) -> None:
    """Make a key, and print it this once: only its SHA-256 is kept."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with _opened(data) as keys:
        key, token = keys.create(name, rate, concurrency, priority, expires_at)
    _show_token(key.id, token)


@app.command("list")
def show(data: Data = None) -> None:
    """List all keys that were ever made, oldest first."""
    from rich.console import Console
    from rich.table import Table

    with _opened(data) as keys:
        listed = keys.list()
    table = Table("ID", "NAME", "RATE", "CONCURRENCY", "PRIORITY", "CREATED", "EXPIRES", "STATE", box=None)
    table.columns[0].no_wrap = True
    for key in listed:
        table.add_row(*_row(key))
    # A file or another program gets whole lines.
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


@app.command()
def rotate(key_id: KeyId, overlap: Overlap = 3600, data: Data = None) -> None:
    """Give a key a new secret, and print it this once; its jobs stay its own."""
    with _opened(data) as keys:
        token = keys.rotate(key_id, overlap)
    _show_token(key_id, token)


@app.command()
def revoke(key_id: KeyId, data: Data = None) -> None:
    """Let a key open nothing any more, within two seconds and for ever."""
    with _opened(data) as keys:
        keys.revoke(key_id)
    typer.echo(f"{key_id} is revoked")


@app.command()
def webhook_secret(owner: Owner = "", data: Data = None) -> None:
    """Print the secret by which receivers know that messages about the jobs of a key are ours."""
    with _opened(data) as keys:
        _check_owner(keys, owner)
        typer.echo(keys.webhook_secrets(owner)[0])


@app.command()
def rotate_webhook_secret(owner: Owner = "", overlap: Overlap = 86_400, data: Data = None) -> None:
    """Make a new one, which signs messages beside the old one until that is no longer good; print it."""
    with _opened(data) as keys:
        _check_owner(keys, owner)
        typer.echo(keys.rotate_webhook_secret(owner, overlap))


@contextmanager
def _opened(data: Path | None) -> "Iterator[KeyStore]":
    """The keys; what goes wrong with them ends the command in one line."""
    from pydantic import ValidationError
    from redis import Redis
    from redis.exceptions import RedisError

    from worker.jobs.errors import KeyEnded, KeyNotFound
    from worker.jobs.keys import KeyStore
    from worker.jobs.settings import hide_password

    url = _url() if data is None else _url_of(data)
    try:
        with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as redis:
            yield KeyStore(redis)
    except ValidationError as error:
        fail(explain(error))
    except (KeyNotFound, KeyEnded) as error:
        fail(str(error))
    except (RedisError, ValueError) as error:
        source = "KANDINSKY_REDIS_URL" if data is None else redis_url_file(data)
        fail(f"Redis at {hide_password(url)} ({source}) is not reachable: {error}")


def _url() -> str:
    from pydantic import ValidationError

    from worker.jobs.settings import JobSettings

    try:
        return JobSettings().redis_url
    except ValidationError as error:
        fail(explain(error, variable))


def _url_of(data: Path) -> str:
    try:
        return redis_url_file(data).read_text(encoding="utf-8")
    except FileNotFoundError:
        fail(f"no `kandinsky up` runs on the data folder {data}")
    except OSError as error:
        fail(f"{redis_url_file(data)} cannot be read: {error.strerror}")


def _check_owner(keys: "KeyStore", owner: str) -> None:
    from worker.jobs.errors import KeyNotFound

    if owner and keys.find(owner) is None:
        raise KeyNotFound(owner)


def _show_token(key_id: str, token: str) -> None:
    """The key alone on standard output, so that a script can take it."""
    typer.echo(token)
    typer.echo("Keep it: it is not shown again. For clients of FusionBrain it is the pair", err=True)
    typer.echo(f"  X-Key: Key {key_id}\n  X-Secret: Secret {token.rpartition('_')[2]}", err=True)


def _row(key: "Key") -> tuple[str, ...]:
    now = datetime.now(UTC)
    state = "revoked" if key.revoked_at else "active" if key.is_good(now) else "expired"
    return (
        key.id,
        key.name,
        key.rate or "-",
        str(key.max_active or "-"),
        key.priority,
        f"{key.created_at:%Y-%m-%d}",
        f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "-",
        state,
    )
