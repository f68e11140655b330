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


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
