"""A gateway on a core of its own for measurements; its Redis, its worker and the load are on the others."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
from worker.jobs.retention import ENDED
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
#: No measurement fills the queues, nor stops to wait for the jobs that are left.
PATIENCE = {"MAX_QUEUE_LENGTH": 10**9, "DRAIN_SECONDS": 0}
PATIENT = Retry(ConstantBackoff(0.02), 500, supported_errors=(RedisConnectionError,))


class Gateway:
    """A gateway process, on this core alone."""

    def __init__(self, redis_url: str, images: Path, core: int) -> None:
        self.port = free_port()
        self.redis_url = redis_url
        self._child = start("gateway", REDIS_URL=redis_url, IMAGES_URL=images, PORT=self.port, **PATIENCE)
        self._process = psutil.Process(self._child.pid)
        # The threads of the process come later, and stay where it is.
        self._process.cpu_affinity([core])

    def await_ready(self) -> None:
        """Return once it serves, and a worker is there."""
        wait_until_ready(f"http://127.0.0.1:{self.port}", self._child)

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

    @property
    def num_ended(self) -> int:
        """How many jobs have ended."""
        with Redis.from_url(self.redis_url) as redis:
            return int(redis.zcard(ENDED))

    def stop(self) -> None:
        """End it."""
        self._child.terminate()
        self._child.wait()


@contextmanager
def gateway(present: Callable[[str, Path], AbstractContextManager[None]]) -> Iterator[Gateway]:
    """A gateway for which `present` sees to a worker, by the URL of Redis and the folder of pictures."""
    with ExitStack() as stack:
        core = stack.enter_context(own_core())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis_url = stack.enter_context(redis_server(folder))
        stack.enter_context(present(redis_url, folder / "images"))
        gateway = Gateway(redis_url, folder / "images", core)
        stack.callback(gateway.stop)
        gateway.await_ready()
        yield gateway


@contextmanager
def own_core() -> Iterator[int]:
    """A core that this process leaves alone meanwhile, and what it starts, if there are two."""
    process = psutil.Process()
    cores = process.cpu_affinity()
    process.cpu_affinity(cores[1:] or cores)
    try:
        yield cores[0]
    finally:
        process.cpu_affinity(cores)


@contextmanager
def mock_worker(redis_url: str, images: Path) -> Iterator[None]:
    """A worker of the mock models that works on two jobs at a time, slowly, and gives way to all others."""
    child = start(
        "worker",
        REDIS_URL=redis_url,
        IMAGES_URL=images,
        CHECKPOINTS="mock",
        CONCURRENCY=2,
        MOCK_STEP_SECONDS=0.05,
        **PATIENCE,
    )
    psutil.Process(child.pid).nice(19)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


@contextmanager
def nobody(redis_url: str, images: Path) -> Iterator[None]:
    """A worker that is announced, and is not there."""
    announce(redis_url)
    yield


def start(command: str, **settings: object) -> subprocess.Popen[bytes]:
    """A process of the service with these settings."""
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli.main", command],
        env=os.environ | {f"KANDINSKY_{name}": str(value) for name, value in settings.items()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a server that keeps nothing."""
    server = EmbeddedValkey(folder=folder, port=free_port(), password="benchmark", persistent=False)
    child = Child(Command("valkey", (str(find_server()), "-"), standard_input=server.config), lambda *_: None)
    try:
        with Redis.from_url(server.url, retry=PATIENT) as redis:
            redis.ping()
        yield server.url
    finally:
        child.stop()


def announce(redis_url: str) -> None:
    """Say that there is a worker."""
    queues = tuple(queue_name(kind, CARD.id) for kind in CARD.kinds)
    worker = WorkerCard(
        id="nobody", models=(CARD.id,), queues=queues, device="none", started_at=datetime.now(UTC)
    )
    with Redis.from_url(redis_url) as redis:
        Catalog(redis).publish(worker, [CARD], TTL_SECONDS)
