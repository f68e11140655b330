"""What ends a worker whose device is of no more use, and what does not."""

import subprocess
import sys
from textwrap import dedent

import pytest

from worker.watchdog import EXIT_CODE, leave_if_lost

#: An engine whose networks do in their first step what `{step}` says.
SCRIPT = """
import ctypes, threading
from tests.worker.engine.abacus import Abacus, order
from worker.engine.engine import Engine
from worker.watchdog import Watchdog, leave_if_lost

class Broken(Abacus):
    def step(self, states):
        {step}

engine = Engine(Broken(), max_rows=8, on_error=leave_if_lost)
engine.start()
with Watchdog(engine, max_step_seconds={limit}):
    handle = engine.submit([order("a")])
    handle.wait()
    print(handle.samples[0].num_done)
"""


def end_of(step: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
    script = dedent(SCRIPT.format(step=step, limit=limit))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_an_evaluation_that_does_not_end_ends_the_process() -> None:
    ended = end_of("threading.Event().wait()", limit=0.2)
    assert ended.returncode == EXIT_CODE
    assert "stuck in an evaluation" in ended.stdout
    assert "in step" in ended.stdout


def test_so_does_one_that_gives_no_other_thread_a_turn() -> None:
    ended = end_of("ctypes.PyDLL(None).sleep(100)", limit=0.2)
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


def test_a_device_that_has_failed_ends_the_process() -> None:
    said = "CUDA error: an illegal memory access was encountered"
    ended = end_of(f"raise RuntimeError({said!r})")
    assert ended.returncode == EXIT_CODE
    assert "the device has failed" in ended.stdout
    assert said in ended.stdout


def test_another_error_does_not() -> None:
    ended = end_of("raise RuntimeError('CUDA error: invalid argument')")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("CUDA out of memory"),
        ValueError("a prompt: CUDA error: device-side assert"),
        RuntimeError("unknown error"),
    ],
    ids=["memory", "prompt", "other"],
)
def test_errors_of_one_sample_are_left_to_the_engine(error: Exception) -> None:
    leave_if_lost(error)
