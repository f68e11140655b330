"""One process that `kandinsky up` starts, listens to and stops."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from service.up.leash import leashed


@dataclass(frozen=True)
class Command:
    """What to run, and how to end it."""

    name: str
    #: The path of the program comes first.
    arguments: tuple[str, ...]
    #: Added to the environment of this process.
    environment: Mapping[str, str] = field(default_factory=dict)
    standard_input: str = ""
    #: How long an orderly stop may take before the process is killed.
    stop_seconds: float = 10.0
    #: What the process gets when its parent dies without stopping it (Linux only).
    orphan_signal: signal.Signals = signal.SIGKILL
    #: File descriptors that the process keeps open.
    descriptors: tuple[int, ...] = ()


class Child:
    """A running command whose output goes line by line to `echo`."""

    def __init__(self, command: Command, echo: Callable[[str, str], None]) -> None:
        self.command = command
        self.started_at = time.monotonic()
        self._echo = echo
        self._last_line = ""
        self._process = subprocess.Popen(
            leashed(command.arguments, command.orphan_signal),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A group of its own: Ctrl-C in the terminal reaches only us, and we stop the processes in order.
            process_group=0,
            pass_fds=command.descriptors,
        )
        self._reader = threading.Thread(target=self._read, name=f"{command.name}-output", daemon=True)
        self._reader.start()
        self._send_input(command.standard_input)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def last_line(self) -> str:
        """The last thing that it said."""
        if self.exit_code is not None:
            self._reader.join(timeout=1)
        return self._last_line or f"exit code {self.exit_code}, without a word"

    def stop(self) -> None:
        """Ask it to end, and kill it and all that it started when it has not done so in time."""
        if self.exit_code is None:
            self._process.terminate()
        try:
            self._process.wait(self.command.stop_seconds)
        except subprocess.TimeoutExpired:
            self._echo(self.command.name, f"did not stop within {self.command.stop_seconds:g} s: killed")
        self.kill()
        self._process.wait()
        self._reader.join(timeout=1)

    def kill(self) -> None:
        """Kill its whole process group, waiting for nothing; safe in a signal handler."""
        # macOS answers PermissionError for a group that has ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _send_input(self, text: str) -> None:
        assert self._process.stdin is not None
        # A process that has ended already is found out by its exit code.
        with suppress(BrokenPipeError):
            self._process.stdin.write(text)
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._last_line = line.strip() or self._last_line
                self._echo(self.command.name, line.rstrip("\n"))
