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
from tests.service.conftest import FakeWorker
from worker.jobs.catalog import Catalog
from worker.jobs.keys import KeyStore

MEMORY_LIMIT_BYTES = 150 * 1024 * 1024


@contextmanager
def gateway(**variables: object) -> Iterator[subprocess.Popen[str]]:
    """`kandinsky gateway` with these settings."""
    environment = {f"KANDINSKY_{name.upper()}": str(value) for name, value in variables.items()}
    with subprocess.Popen(
        [sys.executable, "-m", "service.cli.main", "gateway"],
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
        ({"redis_url": "redis://:secret/1@host"}, "KANDINSKY_REDIS_URL should be .* got 'redis://host'"),
        ({"redis_url": f"http://:{'secret' * 20}@host"}, "KANDINSKY_REDIS_URL .* got 'http://host'"),
        ({"host": "nowhere.invalid"}, r"cannot listen on nowhere\.invalid port"),
        (
            {"redis_url": "redis://:secret@127.0.0.1:1/0"},
            r"Redis at redis://127\.0\.0\.1:1/0 .*not reachable",
        ),
        ({"images_url": "/proc/nowhere"}, "cannot open the image store /proc/nowhere"),
        ({"images_url": "s4://bucket"}, "cannot open the image store s4://bucket"),
        ({"images_url": "s4://me:secret@bucket"}, "cannot open the image store s4://bucket"),
        ({"styles_file": "/nowhere.json"}, "the styles in /nowhere.json cannot be read"),
        ({"blocked_words_file": "/nowhere.txt"}, "the blocked words in /nowhere.txt cannot be read"),
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


def test_without_keys_it_does_not_open_itself_to_others(settings: dict[str, object], keys: KeyStore) -> None:
    revoked, _ = keys.create("studio")
    keys.revoke(revoked.id)
    with gateway(**settings, host="0.0.0.0") as process:
        _, log = process.communicate()
    assert process.returncode == 1
    assert log.startswith("kandinsky: whoever calls 0.0.0.0 needs an API key, and there is none: make one ")
    assert log.count("\n") == 1


def test_no_secret_is_in_its_log(
    settings: dict[str, object], keys: KeyStore, catalog: Catalog, worker: FakeWorker
) -> None:
    key, token = keys.create("studio", rate="2/hour")
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    url = f"http://127.0.0.1:{settings['port']}"
    with gateway(**settings, host="0.0.0.0") as process:
        until(lambda: _is_alive(url))
        with httpx.Client(base_url=url, trust_env=False) as http:
            http.get("/v1/models", headers={"Authorization": f"Bearer {wrong}"})
            http.headers["Authorization"] = f"Bearer {token}"
            job = http.post("/v1/text-to-image", json={"prompt": "x"}).json()
            worker.run(job["id"])
            query = http.get(job["urls"]["self"]).json()["outputs"][0]["url"].partition("?")[2]
            http.get(f"/v1/images/{job['id']}-0?{query}")
            http.get(f"/v1/images/{job['id']}-0?{query}0")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()
    secrets = (token[-64:], wrong[-64:], query.partition("signature=")[2], keys.url_secret().hex())
    assert [secret for secret in secrets if secret in log] == []
    assert re.search(rf'"owner": "{key.id}", "key": "studio"', log)
    assert '"needs_key": true' in log


def test_a_port_that_is_taken_is_one_line_and_exit_code_1(settings: dict[str, object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with gateway(**settings | {"port": port}) as process:
            _, log = process.communicate()
    assert (process.returncode, log) == (
        1,
        f"kandinsky: cannot listen on 127.0.0.1 port {port}: Address already in use\n",
    )
