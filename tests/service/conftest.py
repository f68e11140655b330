"""A gateway that serves real HTTP from a thread, and a worker that the test plays itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from redis import Redis

from service.app import create_app
from service.listener import listen
from service.server import GatewayServer
from service.settings import GatewaySettings
from tests.polling import until
from tests.processes import Server
from worker.jobs.catalog import Catalog, ModelCard, SamplerCard, WorkerCard
from worker.jobs.image_keys import picture_key
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Output, Progress, Receipt
from worker.jobs.keys import KeyStore
from worker.jobs.stages import Beautification, Kind, Rendering, Stage
from worker.jobs.store import Claim, JobStore

#: How long an answer may take on a loaded machine.
TIMEOUT_SECONDS = 20
PICTURE = b"\x89PNG not really, but bytes"

CARD = ModelCard(
    id="tiny",
    kinds=(Kind.TEXT_TO_IMAGE,),
    size_multiple=64,
    min_side=128,
    max_side=1024,
    max_pixels=768 * 768,
    default_width=512,
    default_height=512,
    samplers=(
        SamplerCard(name="ddpm", default_steps=25, max_steps=100, guidance=True),
        SamplerCard(name="flash", default_steps=4, min_steps=4, max_steps=8, guidance=False),
    ),
    default_sampler="ddpm",
    default_guidance_scale=3.0,
    max_guidance_scale=20.0,
    max_num_images=4,
)
WORKER = WorkerCard(
    id="worker-1", models=("tiny",), queues=("images.tiny",), device="cpu", started_at=datetime.now(UTC)
)
ARTIST = CARD.model_copy(
    update={"id": "artist", "kinds": (Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE), "default_strength": 0.3}
)
FLASH = ARTIST.model_copy(
    update={
        "id": "fast",
        "kinds": (*ARTIST.kinds, Kind.REFINEMENT),
        "samplers": CARD.samplers[1:],
        "default_sampler": "flash",
    }
)
PAINTER = CARD.model_copy(
    update={
        "id": "painter",
        "kinds": (Kind.INPAINTING, Kind.OUTPAINTING),
        "max_outpainted_side": 2048,
        "samplers": (SamplerCard(name="kandinsky", default_steps=25, max_steps=50, guidance=True),),
        "default_sampler": "kandinsky",
    }
)
X4 = ModelCard(
    id="x4",
    kinds=(Kind.SUPER_RESOLUTION,),
    size_multiple=1,
    min_side=128,
    max_side=1024,
    max_pixels=768 * 768,
    samplers=(SamplerCard(name="dpmsolver++", default_steps=5, max_steps=20, guidance=False),),
    default_sampler="dpmsolver++",
    scales=(4,),
)
X2 = X4.model_copy(update={"id": "x2", "scales": (2,)})
WRITER = ModelCard(id="writer", kinds=(Kind.BEAUTIFICATION,))
READER = ModelCard(id="reader", kinds=(Kind.ENCODING,))
FAMILY = (ARTIST, CARD, FLASH, PAINTER, WRITER, X2, X4)
PAINTERS = WORKER.model_copy(update={"id": "worker-2", "models": tuple(card.id for card in FAMILY)})


@contextmanager
def serving(settings: GatewaySettings) -> Iterator[str]:
    """A gateway with these settings, which always looks at what is there now; gives its URL."""
    settings = settings.model_copy(update={"outlook_seconds": 0})
    with listen("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            create_app(settings), ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        server = GatewayServer(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        until(lambda: server.started or not thread.is_alive())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True)
class FakeWorker:
    """What a worker does to jobs, without drawing anything."""

    store: JobStore
    images: ImageStore

    def claim(self, job_id: str) -> Claim:
        """Start a job."""
        claim = self.store.claim(job_id, WORKER.id, lease_seconds=60)
        assert claim is not None
        return claim

    def report(self, claim: Claim, step: int) -> None:
        """Report one finished step of a stage that makes pictures."""
        stage, num_stages = claim.job.stage, len(claim.job.stages)
        assert isinstance(stage, Rendering)
        fraction = (claim.job.stage_index + step / stage.steps) / num_stages
        self.store.report_progress(claim, Progress(step=step, steps=stage.steps, fraction=fraction))

    def advance(self, claim: Claim) -> Job:
        """End a stage that is not the last."""
        return self.store.advance(claim, receipt(claim.job.stage), _text(claim.job))

    def succeed(self, claim: Claim) -> Job:
        """Store the pictures, if its last stage makes any, and end the job."""
        stage, outputs = claim.job.stage, []
        if isinstance(stage, Rendering):
            outputs = [self._publish(claim.job.id, index, stage) for index in range(claim.job.num_pictures)]
        return self.store.succeed(claim, receipt(stage), outputs, _text(claim.job))

    def run(self, job_id: str) -> Job:
        """Take a job from its queue through all its stages to its end."""
        claim = self.claim(job_id)
        while not claim.job.is_at_last_stage:
            self.advance(claim)
            claim = self.claim(job_id)
        return self.succeed(claim)

    def _publish(self, job_id: str, index: int, stage: Rendering) -> Output:
        key = picture_key(job_id, index, stage.output_format)
        content_type = stage.output_format.content_type
        self.images.put(key, PICTURE, content_type)
        return Output(
            index=index,
            key=key,
            width=stage.width,
            height=stage.height,
            seed=stage.seed,
            content_type=content_type,
        )


@pytest.fixture(autouse=True, scope="session")
def _logs_through_the_standard_library() -> None:
    """So that pytest shows them with the test that failed, whichever thread wrote them."""
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())


@pytest.fixture(scope="session")
def session_images(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def gateway_url(valkey_url: str, session_images: str) -> Iterator[str]:
    """URL of a gateway with default settings, for the whole session."""
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, public_url=None)
    with serving(settings) as url:
        yield url


@pytest.fixture(scope="session")
def keyed_url(valkey_url: str, session_images: str) -> Iterator[str]:
    """URL of a gateway whose callers all need an API key, for the whole session."""
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, public_url=None, auth="keys")
    with serving(settings) as url:
        yield url


@pytest.fixture
def catalog(redis: Redis) -> Catalog:
    """A catalog in which one worker serves one model."""
    catalog = Catalog(redis)
    catalog.publish(WORKER, [CARD], ttl_seconds=600)
    return catalog


@pytest.fixture
def family(catalog: Catalog) -> None:
    """A second worker, which serves models of every kind."""
    catalog.publish(PAINTERS, FAMILY, ttl_seconds=600)


@pytest.fixture
def worker(store: JobStore, session_images: str) -> FakeWorker:
    return FakeWorker(store, ImageStore(session_images))


@pytest.fixture
def http(gateway_url: str, catalog: Catalog) -> Iterator[httpx.Client]:
    """A client of a gateway whose Redis holds one model, one worker and no job."""
    with httpx.Client(base_url=gateway_url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield client


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


@pytest.fixture
def client_of(keyed_url: str, catalog: Catalog) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of that gateway, which send this token with every request, or none."""
    with ExitStack() as clients:

        def open_client(token: str | None = None) -> httpx.Client:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            client = httpx.Client(
                base_url=keyed_url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
            )
            return clients.enter_context(client)

        yield open_client


@pytest.fixture
def submit(http: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Asks for pictures, and gives the job."""

    def post(**fields: object) -> dict[str, Any]:
        response = http.post("/v1/text-to-image", json={"prompt": "a red apple", **fields})
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    return post


@pytest.fixture
def private_valkey(tmp_path: Path) -> Iterator[Server]:
    """A server with one model and one worker, which a test may freeze and kill."""
    server = Server(tmp_path)
    server.start()
    Catalog(server.client).publish(WORKER, [CARD], ttl_seconds=600)
    server.client.close()
    yield server
    server.kill()


def _text(job: Job) -> str | None:
    """What a language model says."""
    return f"rich {job.stage.worded}" if isinstance(job.stage, Beautification) else None


def receipt(stage: Stage) -> Receipt:
    """Of a stage in which everything took a millisecond."""
    return Receipt(
        stage=stage.kind,
        queue_ms=1,
        encode_ms=1,
        denoise_ms=1,
        decode_ms=1,
        store_ms=1,
        device="cpu",
        steps=stage.steps if isinstance(stage, Rendering) else 1,
        mean_batch_size=1,
        attempts=1,
    )
