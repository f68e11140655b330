"""What `kandinsky up` runs, and where."""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from service.up.child import Command
from service.up.valkey import EmbeddedValkey

#: A worker finishes or hands back what it holds within its own drain time, 20 s by default.
WORKER_STOP_SECONDS = 45.0


@dataclass(frozen=True)
class Stack:
    """Valkey, one worker and the gateway of one data folder."""

    host: str
    port: int
    data: Path
    checkpoints: str | None
    log_format: str
    valkey: EmbeddedValkey
    valkey_binary: Path
    #: Descriptor of the lock on the data folder. Valkey holds it too, for as long as it writes there.
    lock: int
    #: Whether callers need an API key.
    needs_key: bool = False

    @property
    def url(self) -> str:
        """How a client on this machine reaches the gateway."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of gateway and worker."""
        settings = {
            "KANDINSKY_REDIS_URL": self.valkey.url,
            "KANDINSKY_IMAGES_URL": str(self.data / "images"),
            "KANDINSKY_HOST": self.host,
            "KANDINSKY_PORT": str(self.port),
            "KANDINSKY_LOG_FORMAT": self.log_format,
        }
        return (
            settings if self.checkpoints is None else settings | {"KANDINSKY_CHECKPOINTS": self.checkpoints}
        )

    @property
    def server(self) -> Command:
        return Command(
            name="valkey",
            arguments=(str(self.valkey_binary), "-"),
            standard_input=self.valkey.config,
            orphan_signal=signal.SIGTERM,
            descriptors=(self.lock,),
        )

    @property
    def worker(self) -> Command:
        return Command(
            name="worker",
            arguments=(sys.executable, "-m", "worker.main"),
            environment=self.environment,
            stop_seconds=WORKER_STOP_SECONDS,
        )

    @property
    def gateway(self) -> Command:
        return Command(
            name="gateway",
            arguments=(sys.executable, "-m", "service.cli.main", "gateway"),
            environment=self.environment,
        )
