"""The whole service: a Valkey server and a worker in processes of their own, and the gateway in a thread."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import structlog
from numpy.typing import NDArray
from PIL import Image

from service.settings import GatewaySettings
from service.up.valkey import free_port
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
def service(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Iterator[Service]:
    # So that pytest shows the gateway's log with the test that failed, whichever thread wrote it.
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())
    folder = tmp_path_factory.mktemp("service")
    server = Server(folder)
    server.start()
    shared = {"redis_url": server.url, "images_url": str(folder / "images")}
    port = free_port()
    worker = WorkerProcess.start(
        folder / "worker.log",
        checkpoint=tiny_checkpoint,
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
def draw(http: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Draws pictures, and gives the ended job; keywords are fields of the request."""

    def draw(**fields: object) -> dict[str, Any]:
        headers = {"Prefer": f"wait={WAIT_SECONDS}"}
        response = http.post("/v1/text-to-image", headers=headers, json={"prompt": "a red apple", **fields})
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        assert job["status"] == "succeeded", job
        return job

    return draw


@pytest.fixture
def pixels(http: httpx.Client) -> Callable[[dict[str, Any]], NDArray[np.int16]]:
    """Loads the first picture of a job, (H, W, 3)."""

    def pixels(job: dict[str, Any]) -> NDArray[np.int16]:
        content = http.get(job["outputs"][0]["url"]).content
        with Image.open(BytesIO(content)) as picture:
            return np.asarray(picture.convert("RGB"), dtype=np.int16)

    return pixels
