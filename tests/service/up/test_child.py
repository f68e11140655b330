import os
import signal
import subprocess
import sys
import time

import pytest

from service.up.child import Child, Command

ENDLESS = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ENDLESS}"
PARENT = f"""
import sys, time
from service.up.child import Child, Command
command = Command("child", (sys.executable, "-c", {ENDLESS!r}), descriptors=(int(sys.argv[1]),))
Child(command, lambda name, line: print(line, flush=True))
time.sleep(600)
"""


def start(code: str, lines: list[str], **options: float) -> Child:
    command = Command("child", (sys.executable, "-c", code), **options)
    return Child(command, lambda _, line: lines.append(line))


def wait_for(lines: list[str], line: str) -> None:
    deadline = time.monotonic() + 30
    while line not in lines:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_passes_lines_on() -> None:
    lines: list[str] = []
    child = start("print('one'); print('two')", lines)
    wait_for(lines, "two")
    child.stop()
    assert lines == ["one", "two"]


def test_remembers_the_last_line() -> None:
    child = start("import sys; print('out'); sys.exit('no checkpoint')", [])
    while child.exit_code is None:
        time.sleep(0.01)
    assert (child.exit_code, child.last_line) == (1, "no checkpoint")


def test_reads_its_standard_input() -> None:
    command = Command("child", (sys.executable, "-c", "print(input())"), standard_input="port 1\n")
    lines: list[str] = []
    child = Child(command, lambda _, line: lines.append(line))
    wait_for(lines, "port 1")
    child.stop()


def test_stops_in_order() -> None:
    lines: list[str] = []
    child = start(ENDLESS, lines)
    wait_for(lines, "up")
    child.stop()
    assert child.exit_code == -signal.SIGTERM


def test_is_killed_when_it_does_not_stop() -> None:
    lines: list[str] = []
    child = start(STUBBORN, lines, stop_seconds=0.1)
    wait_for(lines, "up")
    child.stop()
    assert child.exit_code == -signal.SIGKILL
    assert lines[-1] == "did not stop within 0.1 s: killed"


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel tells of a parent's death")
def test_dies_with_a_parent_that_was_killed() -> None:
    reader, writer = os.pipe()
    parent = [sys.executable, "-c", PARENT, str(writer)]
    with subprocess.Popen(parent, stdout=subprocess.PIPE, text=True, pass_fds=[writer]) as process:
        os.close(writer)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.kill()
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b""  # it ends when the last process that holds it has ended
