"""What every test may use: one real Valkey server for the session, and an empty folder for pictures."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from service.up.child import Child, Command
from service.up.valkey import EmbeddedValkey, find_server, free_port
from worker.jobs.backlog import Backlog
from worker.jobs.retention import Retention
from worker.jobs.store import JobStore

if TYPE_CHECKING:
    from tests.buckets import Buckets


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """Settings come from the test, never from the shell that runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("KANDINSKY_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Valkey server that lives as long as the session and keeps nothing on disk."""
    folder = tmp_path_factory.mktemp("valkey")
    server = EmbeddedValkey(folder=folder, port=free_port(), password="test", persistent=False)
    child = Child(Command("valkey", (str(find_server()), "-"), standard_input=server.config), lambda *_: None)
    patient = Retry(ConstantBackoff(0.02), 500, supported_errors=(RedisConnectionError,))
    with Redis.from_url(server.url, retry=patient) as client:
        client.ping()
    yield server.url
    child.stop()


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    """A client of an empty database."""
    with Redis.from_url(valkey_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis)


@pytest.fixture
def retention(redis: Redis) -> Retention:
    return Retention(redis)


@pytest.fixture
def backlog(redis: Redis) -> Backlog:
    return Backlog(redis)


@pytest.fixture(scope="session")
def tiny_family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a checkpoint of every kind, with random weights, for pictures of 64 px; not to be changed."""
    from tests.checkpoints import write_family  # only tests of networks wait for torch to be imported

    return write_family(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_family: Path) -> Path:
    """Folder of the one of them that is called "tiny" and draws pictures of a prompt."""
    return tiny_family / "tiny"


@pytest.fixture(scope="session")
def buckets() -> Iterator["Buckets"]:
    """A server of S3 for the session."""
    # Only tests of object stores wait for these to be imported.
    from moto.server import ThreadedMotoServer

    from tests.buckets import Buckets

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Buckets(f"http://{host}:{port}")
    server.stop()


@pytest.fixture
def images_url(tmp_path: Path) -> str:
    """URL of an empty folder for pictures."""
    folder = tmp_path / "images"
    folder.mkdir()
    return f"file://{folder}"
