"""Processes that tests start, kill and start again: a Valkey server that keeps its data, and workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from service.up.valkey import EmbeddedValkey, find_server, free_port
from tests.polling import until

#: A worker imports torch before it is ready, which takes long on a loaded machine.
READY_SECONDS = 100


class Server:
    """A server of our own, which keeps its data and may be killed."""

    def __init__(self, folder: Path) -> None:
        self._embedded = EmbeddedValkey(folder=folder, port=free_port(), password="test")
        self.client = Redis.from_url(self.url, retry=Retry(NoBackoff(), 1))

    @property
    def url(self) -> str:
        return self._embedded.url

    def start(self) -> None:
        """Return once it answers, with the data of its last run."""
        self._process = subprocess.Popen([find_server(), "-"], stdin=subprocess.PIPE)
        assert self._process.stdin is not None
        self._process.stdin.write(self._embedded.config.encode())
        self._process.stdin.close()
        until(self._answers)

    def stop(self) -> None:
        """End it in order."""
        self._process.terminate()
        self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it take connections but answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


@dataclass(frozen=True)
class WorkerProcess:
    """`python -m worker.main`, and all that it says."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, log: Path, absent: Sequence[str] = (), **settings: object) -> "WorkerProcess":
        """Start one with these settings; `log` gets both its outputs, modules in `absent` are not there."""
        hiding = f"sys.modules.update(dict.fromkeys({list(absent)!r}))"
        script = f"import runpy, sys; {hiding}; runpy.run_module('worker.main', run_name='__main__')"
        variables = {f"KANDINSKY_{name.upper()}": str(value) for name, value in settings.items()}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", script],
                env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return cls(process, log)

    @property
    def lines(self) -> list[str]:
        """What it has said so far."""
        return self.log.read_text().splitlines()

    def await_ready(self) -> None:
        """Return once it serves."""

        def is_ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return any("worker ready" in line for line in self.lines)

        until(is_ready, READY_SECONDS)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """End it at once; harmless when it has ended."""
        self.process.kill()
        self.process.wait()
