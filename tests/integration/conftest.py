"""The whole service: a Valkey server and a worker in processes of their own, and the gateway in a thread."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
import structlog
from numpy.typing import NDArray
from PIL import Image

from service.settings import GatewaySettings
from service.up.valkey import free_port
from tests.checkpoints import write_family
from tests.processes import Server, WorkerProcess
from tests.service.conftest import serving

#: How long a test waits for a job, on a loaded machine.
WAIT_SECONDS = 60


@dataclass(frozen=True)
class Service:
    """Where the parts are found."""

    url: str
    metrics_url: str
    worker: WorkerProcess


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    # So that pytest shows the gateway's log with the test that failed, whichever thread wrote it.
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())
    folder = tmp_path_factory.mktemp("service")
    server = Server(folder)
    server.start()
    shared = {"redis_url": server.url, "images_url": str(folder / "images")}
    port = free_port()
    worker = WorkerProcess.start(
        folder / "worker.log",
        checkpoints=write_family(folder / "checkpoints"),
        device="cpu",
        num_threads=1,
        metrics_port=port,
        log_format="json",
        **shared,
    )
    with serving(GatewaySettings(**shared)) as url:
        worker.await_ready()
        yield Service(url, f"http://127.0.0.1:{port}/metrics", worker)
        assert worker.stop() == 0
    server.client.close()
    server.stop()


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=WAIT_SECONDS + 5, trust_env=False) as client:
        yield client


@pytest.fixture
def make(http: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Runs a job of a kind to its end, and gives it; keywords are fields of the request."""

    def make(kind: str, **fields: object) -> dict[str, Any]:
        headers = {"Prefer": f"wait={WAIT_SECONDS}"}
        response = http.post(f"/v1/{kind}", headers=headers, json=fields)
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        assert job["status"] == "succeeded", job
        return job

    return make


@pytest.fixture
def draw(make: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Draws pictures of a prompt, and gives the ended job."""
    return partial(make, "text-to-image", prompt="a red apple")


@pytest.fixture
def pixels(http: httpx.Client) -> Callable[[dict[str, Any]], NDArray[np.int16]]:
    """Loads the first picture of a job, (H, W, 3)."""

    def pixels(job: dict[str, Any]) -> NDArray[np.int16]:
        content = http.get(job["outputs"][0]["url"]).content
        with Image.open(BytesIO(content)) as picture:
            return np.asarray(picture.convert("RGB"), dtype=np.int16)

    return pixels
