import queue
import re
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from service.up import data_folder, valkey
from service.up.child import Child, Command
from service.up.data_folder import reserve
from service.up.run import run

READY = "Kandinsky is ready"
MADE = "API key, which is not shown again: "
#: Enough to draw with, and soon loaded.
ONE_MODEL = {"KANDINSKY_MODELS": "kandinsky-3-demo", "KANDINSKY_LANGUAGE_MODEL": "none"}


@contextmanager
def running(data: Path, *options: str, variables: Mapping[str, str] = ONE_MODEL) -> Iterator[httpx.Client]:
    """`kandinsky up` from its start to its stop by SIGTERM.

    Gives a client of its gateway, which sends the API key if one was printed.
    """
    said: queue.Queue[str] = queue.Queue()
    arguments = (sys.executable, "-m", "service.cli.main", "up", "--port", "0", "--data", str(data), *options)
    up = Child(Command("up", arguments, variables, stop_seconds=60), lambda _, line: said.put(line))
    headers = {}
    try:
        for line in iter(partial(said.get, timeout=90), None):
            if MADE in line:
                headers = {"Authorization": f"Bearer {line.partition(MADE)[2]}"}
            if READY in line:
                break
        with httpx.Client(base_url=line.split()[-1], headers=headers, timeout=90, trust_env=False) as client:
            yield client
    finally:
        up.stop()
    assert up.exit_code == 0


def test_jobs_and_pictures_outlive_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as client:
        answer = client.post(
            "/v1/text-to-image", json={"prompt": "a red apple", "steps": 2}, headers={"Prefer": "wait=60"}
        )
        job = answer.raise_for_status().json()
        picture = client.get(job["outputs"][0]["url"]).raise_for_status().content
    with running(tmp_path) as client:
        assert client.get(f"/v1/jobs/{job['id']}").raise_for_status().json()["receipt"] == job["receipt"]
        assert client.get(f"/v1/images/{job['outputs'][0]['id']}").content == picture


def test_open_to_others_it_makes_the_first_key(tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--checkpoints", "mock")
    with running(tmp_path, *options, variables={}) as client:
        assert client.get("/v1/models").status_code == 200
        key = client.headers.pop("Authorization")
        assert client.get("/v1/models").status_code == 401
    with running(tmp_path, *options, variables={}) as client:
        assert "Authorization" not in client.headers
        assert client.get("/v1/models", headers={"Authorization": key}).status_code == 200


def test_says_that_the_port_is_taken(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(port, "127.0.0.1", tmp_path) == 1
    assert capfd.readouterr().err == (
        f"kandinsky: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    )


def test_says_that_the_data_folder_is_not_writable(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run(0, "127.0.0.1", tmp_path / "file" / "data") == 1
    said = capfd.readouterr().err
    assert re.fullmatch(r"kandinsky: the data folder .*/file/data is not writable: .*\n", said)


def test_says_that_the_data_folder_is_in_use(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_folder, "LOCK_SECONDS", 0)
    with reserve(tmp_path):
        assert run(0, "127.0.0.1", tmp_path) == 1
    assert capfd.readouterr().err.endswith("is in use by another `kandinsky up`\n")


def test_no_other_user_reads_what_valkey_keeps(tmp_path: Path) -> None:
    with reserve(tmp_path):
        assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700


def test_says_that_there_is_no_server(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "BUNDLE", "no_such_wheel")
    monkeypatch.setenv("PATH", "")
    assert run(0, "127.0.0.1", tmp_path) == 1
    assert capfd.readouterr().err.startswith("kandinsky: no Valkey server found")


def test_says_what_the_worker_refuses(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(0, "127.0.0.1", tmp_path / "data", checkpoints=str(tmp_path / "nothing")) == 1
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("kandinsky: worker did not start: ")
    assert str(tmp_path / "nothing") in last
