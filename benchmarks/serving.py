"""A gateway and its Redis for measurements, without any worker."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from benchmarks.overhead import wait_until_ready
from service.up.child import Child, Command
from service.up.valkey import EmbeddedValkey, find_server, free_port
from worker.jobs.catalog import Catalog, ModelCard, SamplerCard, WorkerCard
from worker.jobs.keys import KeyStore
from worker.jobs.stages import Kind, queue_name

SAMPLER = SamplerCard(name="ddpm", default_steps=25, max_steps=100, guidance=True)
CARD = ModelCard(
    id="kandinsky3",
    kinds=(Kind.TEXT_TO_IMAGE,),
    size_multiple=64,
    min_side=256,
    max_side=2048,
    max_pixels=2048 * 1024,
    default_width=1024,
    default_height=1024,
    samplers=(SAMPLER,),
    default_sampler=SAMPLER.name,
    default_guidance_scale=3.0,
    max_guidance_scale=20.0,
    max_num_images=4,
)
#: How long the worker counts as alive that is announced: longer than any measurement.
TTL_SECONDS = 86_400


class Gateway:
    """A gateway process, on a core of its own if there are two."""

    def __init__(self, port: int, redis_url: str, images: Path) -> None:
        self.port = port
        self.redis_url = redis_url
        self.redis_url = redis_url
        settings = {"REDIS_URL": redis_url, "IMAGES_URL": images, "PORT": port, "MAX_QUEUE_LENGTH": 10**9}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "gateway"],
            env=os.environ | {f"KANDINSKY_{name}": str(value) for name, value in settings.items()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._process = psutil.Process(self._child.pid)
        # The threads of the process come later, and stay where it is.
        self._process.cpu_affinity(self._process.cpu_affinity()[:1])
        wait_until_ready(f"http://127.0.0.1:{port}", self._child)

    @property
    def memory(self) -> int:
        """Its resident memory, in bytes."""
        resident: int = self._process.memory_info().rss
        return resident

    def create_key(self) -> str:
        """An API key with a rate that nobody reaches."""
        with Redis.from_url(self.redis_url) as redis:
            return KeyStore(redis).create("benchmark", rate="99999/second")[1]

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has taken so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        """End it."""
        self._child.terminate()
        self._child.wait()


@contextmanager
def gateway() -> Iterator[Gateway]:
    """A gateway that knows a model which a worker has announced, and nobody draws with."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as redis_url:
        gateway = Gateway(free_port(), redis_url, Path(folder) / "images")
        try:
            yield gateway
        finally:
            gateway.stop()


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a server that keeps nothing, in which a worker has announced itself."""
    server = EmbeddedValkey(folder=folder, port=free_port(), password="benchmark", persistent=False)
    child = Child(Command("valkey", (str(find_server()), "-"), standard_input=server.config), lambda *_: None)
    try:
        announce(server.url)
        yield server.url
    finally:
        child.stop()


def announce(redis_url: str) -> None:
    """Say that there is a worker, as soon as the server answers."""
    queues = tuple(queue_name(kind, CARD.id) for kind in CARD.kinds)
    worker = WorkerCard(
        id="nobody", models=(CARD.id,), queues=queues, device="none", started_at=datetime.now(UTC)
    )
    patient = Retry(ConstantBackoff(0.02), 500, supported_errors=(RedisConnectionError,))
    with Redis.from_url(redis_url, retry=patient) as redis:
        Catalog(redis).publish(worker, [CARD], TTL_SECONDS)
