"""Keeps the processes of `kandinsky up` running, and stops them in order."""

import time
from collections.abc import Callable, Iterator
from types import FrameType

from service.listener import CannotStart
from service.up.child import Child, Command

POLL_SECONDS = 0.1
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
#: A process that ran for so long is started again without a longer pause than the first.
STEADY_SECONDS = 60.0

Echo = Callable[[str, str], None]


class StopRequested(Exception):
    """The operator asked for the end before everything was up."""


class Kept:
    """A command that is started again, after a growing pause, whenever its process ends."""

    def __init__(self, command: Command, echo: Echo) -> None:
        self.child = Child(command, echo)
        self._command = command
        self._echo = echo
        self._pause = 0.0
        self._restart_at: float | None = None

    def keep(self) -> None:
        """Look after the process; called every few moments."""
        if self.child.exit_code is None:
            return
        now = time.monotonic()
        if self._restart_at is None:
            self._pause = self._next_pause(now - self.child.started_at)
            self._restart_at = now + self._pause
            code, pause = self.child.exit_code, self._pause
            self._echo(self._command.name, f"ended with {code}, starts again in {pause:g} s")
        elif now >= self._restart_at:
            self._restart_at = None
            self.child.kill()
            self.child = Child(self._command, self._echo)

    def _next_pause(self, lived_seconds: float) -> float:
        if lived_seconds >= STEADY_SECONDS or not self._pause:
            return FIRST_PAUSE_SECONDS
        return min(2 * self._pause, LONGEST_PAUSE_SECONDS)


class Supervisor:
    """The processes in the order of their start; a signal asks for their end, a second one kills them."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._kept: list[Kept] = []
        self._stop_requested = False

    def start(self, command: Command) -> None:
        """Start one process, and keep it running from `watch` on."""
        self._kept.append(Kept(command, self._echo))

    def polls(self) -> Iterator[None]:
        """One turn every few moments while the processes come up.

        Raises CannotStart when one of them ends, StopRequested when a signal came.
        """
        while True:
            if self._stop_requested:
                raise StopRequested
            for child in (kept.child for kept in self._kept):
                if child.exit_code is not None:
                    reason = child.last_line.removeprefix("kandinsky: ").removeprefix("kandinsky worker: ")
                    raise CannotStart(f"{child.command.name} did not start: {reason}")
            yield
            time.sleep(POLL_SECONDS)

    def watch(self) -> None:
        """Keep the processes running until a signal comes."""
        while not self._stop_requested:
            self.keep()
            time.sleep(POLL_SECONDS)

    def keep(self) -> None:
        """Look after every process once."""
        for kept in self._kept:
            kept.keep()

    def stop(self) -> None:
        """Stop the processes, the last started first."""
        while self._kept:
            self._kept[-1].child.stop()
            self._kept.pop()

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """What SIGINT, SIGTERM and SIGHUP do."""
        if self._stop_requested:
            for kept in self._kept:
                kept.child.kill()
        self._stop_requested = True
