"""The repeating thread."""

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from worker import periodic
from worker.periodic import Periodic


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "PAUSE_SECONDS", 0)


def test_it_repeats_until_stopped() -> None:
    turns = threading.Semaphore(0)
    with Periodic("test", 0, turns.release):
        assert all(turns.acquire(timeout=20) for _ in range(3))
    while turns.acquire(blocking=False):
        pass
    assert not turns.acquire(timeout=0.01)


def test_stop_does_not_wait_for_the_interval() -> None:
    done = threading.Event()
    thread = Periodic("test", 3600, done.set)
    thread.start()
    assert done.wait(timeout=20)
    thread.stop()
    thread.stop()


def test_stop_before_start_is_harmless() -> None:
    Periodic("test", 0, lambda: None).stop()


def test_an_outage_is_logged_once_and_survived() -> None:
    recovered = threading.Event()
    outcomes: Iterator[bool] = iter([False] * 5 + [True])

    def act() -> None:
        if not next(outcomes, True):
            raise ConnectionError("away")
        recovered.set()

    with capture_logs() as logs:
        thread = Periodic("test", 3600, act)
        thread.start()
        assert recovered.wait(timeout=20)
        thread.stop()
    assert [entry["event"] for entry in logs] == ["periodic action fails", "periodic action works again"]
