"""The folder that one `kandinsky up` keeps everything in."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.listener import CannotStart

#: How long the folder of a run that was killed may still be in use by its Valkey.
LOCK_SECONDS = 5.0


@contextmanager
def reserve(data: Path) -> Iterator[int]:
    """Make the data folder, and lock it for this run; gives the descriptor of the lock.

    Raises CannotStart when it cannot be written, or another run has it.
    """
    try:
        for folder in (data / "redis", data / "images"):
            folder.mkdir(parents=True, exist_ok=True)
        # There are prompts in it, and the secrets that sign webhooks and URLs.
        (data / "redis").chmod(0o700)
        lock = (data / "lock").open("w")
    except OSError as error:
        raise CannotStart(f"the data folder {data} is not writable: {error.strerror}") from error
    with lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locked(lock.fileno()):
            if time.monotonic() > deadline:
                raise CannotStart(f"the data folder {data} is in use by another `kandinsky up`")
            time.sleep(0.1)
        yield lock.fileno()


def redis_url_file(data: Path) -> Path:
    """Where a run tells other commands of the same user how its Valkey is reached."""
    return data / "redis-url"


@contextmanager
def published(data: Path, redis_url: str) -> Iterator[None]:
    """Tell it for as long as this lasts."""
    path = redis_url_file(data)
    path.unlink(missing_ok=True)
    # It has the password.
    path.touch(mode=0o600)
    path.write_text(redis_url, encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
