"""The whole service for real clients: a Valkey server, a mock worker in a process of its own, a gateway."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from service.settings import GatewaySettings
from service.up.valkey import free_port
from tests.processes import Server, WorkerProcess
from tests.service.conftest import serving
from worker.jobs.keys import Key, KeyStore

#: How long a client waits for an answer, on a loaded machine.
WAIT_SECONDS = 60


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    server.start()
    yield server
    server.client.close()
    server.stop()


@pytest.fixture(scope="session")
def shared(server: Server, folder: Path) -> dict[str, str]:
    """The settings that all processes have in common."""
    return {"redis_url": server.url, "images_url": str(folder / "images")}


@pytest.fixture(scope="session")
def worker(folder: Path, shared: dict[str, str]) -> Iterator[WorkerProcess]:
    """A worker whose models are mocks and take a hundredth of a second a step."""
    worker = WorkerProcess.start(
        folder / "worker.log",
        checkpoints="mock",
        mock_step_seconds=0.01,
        preview_interval_seconds=0.02,
        metrics_port=free_port(),
        **shared,
    )
    worker.await_ready()
    yield worker
    assert worker.stop() == 0


@pytest.fixture(scope="session")
def url(worker: WorkerProcess, shared: dict[str, str]) -> Iterator[str]:
    """URL of a gateway that needs API keys."""
    with serving(GatewaySettings(auth="keys", **shared)) as url:
        yield url


@pytest.fixture(scope="session")
def keys(server: Server) -> Iterator[KeyStore]:
    with Redis.from_url(server.url) as client:
        yield KeyStore(client)


@pytest.fixture(scope="session")
def key(keys: KeyStore) -> tuple[Key, str]:
    """An API key, and what its owner sends."""
    return keys.create("client")


@pytest.fixture
def http(url: str, key: tuple[Key, str]) -> Iterator[httpx.Client]:
    """A client of the native routes."""
    headers = {"Authorization": f"Bearer {key[1]}"}
    with httpx.Client(base_url=url, headers=headers, timeout=WAIT_SECONDS, trust_env=False) as client:
        yield client
