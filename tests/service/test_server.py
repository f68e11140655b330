"""`kandinsky gateway` as a process: how it starts, why it does not, and how it stops."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from service.up.valkey import free_port
from tests.polling import until
from worker.jobs.catalog import Catalog

MEMORY_LIMIT_BYTES = 150 * 1024 * 1024


@contextmanager
def gateway(**variables: object) -> Iterator[subprocess.Popen[str]]:
    """`kandinsky gateway` with these settings."""
    environment = {f"KANDINSKY_{name.upper()}": str(value) for name, value in variables.items()}
    with subprocess.Popen(
        [sys.executable, "-m", "service.cli", "gateway"],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def settings(valkey_url: str, tmp_path: Path) -> dict[str, object]:
    return {"redis_url": valkey_url, "images_url": tmp_path / "images", "port": free_port()}


def _is_alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_it_serves_within_its_memory_and_stops_when_asked(
    settings: dict[str, object], catalog: Catalog
) -> None:
    url = f"http://127.0.0.1:{settings['port']}"
    with gateway(**settings) as process:
        until(lambda: _is_alive(url))
        with httpx.Client(base_url=url, trust_env=False) as http:
            job = http.post("/v1/text-to-image", json={"prompt": "x"}).json()
            with http.stream("GET", job["urls"]["events"]):
                memory = psutil.Process(process.pid).memory_info().rss
                process.send_signal(signal.SIGTERM)
                _, log = process.communicate()
    assert memory < MEMORY_LIMIT_BYTES
    assert process.returncode == 0
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"port": "eighty"}, "KANDINSKY_PORT .* got 'eighty'"),
        ({"port": 70000}, "KANDINSKY_PORT .* less than or equal to 65535, got '70000'"),
        ({"redis_timeout_seconds": -1}, "KANDINSKY_REDIS_TIMEOUT_SECONDS .* got '-1'"),
        ({"redis_url": "http://:secret@host"}, "KANDINSKY_REDIS_URL .* got 'http://host'"),
        ({"host": "nowhere.invalid"}, r"cannot listen on nowhere\.invalid port"),
        (
            {"redis_url": "redis://:secret@127.0.0.1:1/0"},
            r"Redis at redis://127\.0\.0\.1:1/0 .*not reachable",
        ),
        ({"images_url": "/proc/nowhere"}, "cannot open the image store /proc/nowhere"),
        ({"images_url": "s4://bucket"}, "cannot open the image store s4://bucket"),
        ({"styles_file": "/nowhere.json"}, "the styles in /nowhere.json cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_1(
    settings: dict[str, object], wrong: dict[str, object], said: str
) -> None:
    with gateway(**settings | wrong) as process:
        _, log = process.communicate()
    assert process.returncode == 1
    assert re.match(f"kandinsky: {said}", log)
    assert log.count("\n") == 1
    assert "secret" not in log


def test_a_port_that_is_taken_is_one_line_and_exit_code_1(settings: dict[str, object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with gateway(**settings | {"port": port}) as process:
            _, log = process.communicate()
    assert (process.returncode, log) == (
        1,
        f"kandinsky: cannot listen on 127.0.0.1 port {port}: Address already in use\n",
    )
