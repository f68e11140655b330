import signal
import sys
import time
from collections.abc import Iterator

import pytest

from service.listener import CannotStart
from service.up.child import Command
from service.up.supervisor import StopRequested, Supervisor

ENDLESS = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def lines() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def supervisor(lines: list[tuple[str, str]]) -> Iterator[Supervisor]:
    supervisor = Supervisor(lambda name, line: lines.append((name, line)))
    yield supervisor
    supervisor.stop()


def python(name: str, code: str) -> Command:
    return Command(name, (sys.executable, "-c", code))


def test_a_process_that_ends_while_starting_is_an_error(supervisor: Supervisor) -> None:
    supervisor.start(python("worker", "raise SystemExit('unet/config.json is missing')"))
    with pytest.raises(CannotStart, match=r"worker did not start: unet/config\.json is missing"):
        for _ in supervisor.polls():
            pass


def test_a_signal_ends_the_start(supervisor: Supervisor) -> None:
    supervisor.start(python("worker", ENDLESS))
    supervisor.on_signal(signal.SIGINT, None)
    with pytest.raises(StopRequested):
        next(supervisor.polls())


def test_a_process_that_dies_is_started_again(
    supervisor: Supervisor, lines: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.up.supervisor.FIRST_PAUSE_SECONDS", 0.05)
    supervisor.start(python("worker", "print('up')"))
    deadline = time.monotonic() + 30
    while lines.count(("worker", "up")) < 3:
        assert time.monotonic() < deadline
        supervisor.keep()
        time.sleep(0.01)
    assert ("worker", "ended with 0, starts again in 0.1 s") in lines


def test_stops_the_last_started_first(supervisor: Supervisor, lines: list[tuple[str, str]]) -> None:
    told = "import signal, sys, time\ndef end(*_): print('end', flush=True); sys.exit()\n"
    told += "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    for name in ("valkey", "worker"):
        supervisor.start(python(name, told))
    deadline = time.monotonic() + 30
    while [line for _, line in lines] != ["up", "up"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    supervisor.stop()
    assert lines[2:] == [("worker", "end"), ("valkey", "end")]
