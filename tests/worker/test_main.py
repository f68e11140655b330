"""A whole worker on a real checkpoint, and what it refuses to start with."""

import io
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from celery.contrib.testing.worker import start_worker
from numpy.typing import NDArray
from PIL import Image
from redis import Redis

from tests.polling import until
from tests.worker.conftest import MakeJob
from worker import main as module
from worker.jobs.catalog import Catalog
from worker.jobs.images import ImageStore, input_key
from worker.jobs.job import QUEUES, Job, Kind, Status, new_job_id
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.store import CANCELED, JobStore
from worker.loading import load_networks
from worker.main import main, running
from worker.networks import ResidentNetworks
from worker.settings import WorkerSettings

Refusal = Callable[..., str]


@pytest.fixture(scope="module")
def networks(tiny_family: Path) -> ResidentNetworks:
    return load_networks(WorkerSettings(checkpoints=(tiny_family,), device="cpu"))


@pytest.fixture
def queue(networks: ResidentNetworks, valkey_url: str, images_url: str, redis: Redis) -> Iterator[JobQueue]:
    """The queue of a worker that runs in this process, in the threads of a real Celery worker."""
    settings = WorkerSettings(redis_url=valkey_url, images_url=images_url, heartbeat_seconds=0.05)
    with (
        celery_app(settings, "worker") as app,
        running(settings, networks, redis, ImageStore(images_url), app),
        start_worker(app, pool="threads", concurrency=4, perform_ping_check=False, queues=list(QUEUES)),
    ):
        until(lambda: redis.pubsub_numsub(CANCELED)[0][1])
        yield JobQueue(app)


@pytest.fixture
def submit(queue: JobQueue, store: JobStore, make_job: MakeJob) -> Callable[..., Job]:
    """Creates and sends a job; keywords set fields of its input."""

    def submit(**fields: object) -> Job:
        job = store.create(make_job(input=make_job().input.model_copy(update=fields)))
        queue.send(job)
        return job

    return submit


def test_jobs_become_pictures(
    submit: Callable[..., Job], store: JobStore, images_url: str, redis: Redis
) -> None:
    jobs = [submit(seed=seed) for seed in (1, 2, 1)]
    until(lambda: all(store.get(job.id).status is Status.SUCCEEDED for job in jobs))
    images = ImageStore(images_url)
    first, other, same = (images.get(store.get(job.id).outputs[0].key).etag for job in jobs)
    assert first == same != other
    until(lambda: not redis.hlen("unacked"))


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def load(images: ImageStore, key: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(images.get(key).bytes)) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture
def send(queue: JobQueue, store: JobStore, make_job: MakeJob) -> Callable[..., Job]:
    """Creates and sends a job of any kind, on pictures that lie in the store."""

    def send(kind: Kind, **fields: object) -> Job:
        job = store.create(make_job(kind=kind, input=fields))
        queue.send(job)
        return job

    return send


def ended(store: JobStore, job: Job) -> Job:
    until(lambda: store.get(job.id).status.is_final)
    return store.get(job.id)


DRAWING = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "num_images": 2,
    "steps": 4,
    "guidance_scale": 3.0,
    "seed": 7,
}


def test_flash_draws_in_four_steps(send: Callable[..., Job], store: JobStore) -> None:
    fields = {**DRAWING, "model": "tiny-flash", "sampler": "flash", "guidance_scale": 1.0}
    job = ended(store, send(Kind.TEXT_TO_IMAGE, **fields))
    assert job.receipt is not None
    assert (job.status, job.receipt.steps, len(job.outputs)) == (Status.SUCCEEDED, 4, 2)


def test_inpainting_leaves_what_is_outside_the_mask(
    send: Callable[..., Job], store: JobStore, images_url: str
) -> None:
    images, owner = ImageStore(images_url), new_job_id()
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 8:40] = 255
    keys = {"image": input_key(owner, "image"), "mask": input_key(owner, "mask")}
    images.put(keys["image"], png(picture), "image/png")
    images.put(keys["mask"], png(mask), "image/png")
    fields = {**DRAWING, **keys, "model": "tiny-inpainting", "sampler": "kandinsky"}
    job = ended(store, send(Kind.INPAINTING, **fields))
    first, second = (load(images, output.key) for output in job.outputs)
    assert np.array_equal(first[mask == 0], picture[mask == 0])
    assert np.abs(first[mask > 0].astype(int) - picture[mask > 0]).mean() > 10
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("model", "scale", "steps"), [("tiny-x4", 4, 3), ("tiny-flash-x2", 2, 4)])
def test_pictures_become_larger(
    send: Callable[..., Job],
    store: JobStore,
    images_url: str,
    redis: Redis,
    model: str,
    scale: int,
    steps: int,
) -> None:
    images, key = ImageStore(images_url), input_key(new_job_id(), "image")
    images.put(key, png(np.full((40, 24, 3), 200, np.uint8)), "image/png")
    fields = {"model": model, "scale": scale, "steps": 3, "seed": 1, "image": key}
    job = ended(store, send(Kind.SUPER_RESOLUTION, **fields, width=24 * scale, height=40 * scale))
    assert job.receipt is not None
    assert (job.status, job.receipt.steps) == (Status.SUCCEEDED, steps)
    [output] = job.outputs
    assert load(images, output.key).shape == (40 * scale, 24 * scale, 3)
    assert (output.width, output.height) == (24 * scale, 40 * scale)
    types = [entry[b"type"] for _, entry in redis.xrange(f"job:{job.id}:events")]
    assert types[-2:] == [b"output", b"status"]


def test_jobs_of_all_models_at_once(send: Callable[..., Job], store: JobStore, images_url: str) -> None:
    images, key = ImageStore(images_url), input_key(new_job_id(), "image")
    images.put(key, png(np.full((64, 64, 3), 200, np.uint8)), "image/png")
    images.put(mask := input_key(new_job_id(), "mask"), png(np.full((64, 64), 255, np.uint8)), "image/png")
    large = {"seed": 1, "steps": 3, "image": key}
    jobs = [
        send(Kind.TEXT_TO_IMAGE, **DRAWING, model="tiny", sampler="ddpm"),
        send(Kind.SUPER_RESOLUTION, **large, model="tiny-x4", scale=4, width=256, height=256),
        send(Kind.TEXT_TO_IMAGE, **DRAWING, model="tiny-flash", sampler="flash"),
        send(Kind.SUPER_RESOLUTION, **large, model="tiny-x2", scale=2, width=128, height=128),
        send(Kind.INPAINTING, **DRAWING, model="tiny-inpainting", sampler="kandinsky", image=key, mask=mask),
    ]
    assert [ended(store, job).status for job in jobs] == [Status.SUCCEEDED] * len(jobs)


def test_a_canceled_picture_does_not_become_larger(
    send: Callable[..., Job], store: JobStore, images_url: str
) -> None:
    images, key = ImageStore(images_url), input_key(new_job_id(), "image")
    images.put(key, png(np.full((256, 256, 3), 200, np.uint8)), "image/png")
    fields = {"model": "tiny-x4", "scale": 4, "seed": 1, "image": key, "width": 1024, "height": 1024}
    canceled = send(Kind.SUPER_RESOLUTION, **fields, steps=50)
    until(lambda: store.get(canceled.id).progress)
    store.cancel(canceled.id)
    assert ended(store, send(Kind.SUPER_RESOLUTION, **fields, steps=1)).status is Status.SUCCEEDED
    assert store.get(canceled.id).status is Status.CANCELED


def test_a_picture_of_another_size_is_refused(
    send: Callable[..., Job], store: JobStore, images_url: str
) -> None:
    key = input_key(new_job_id(), "image")
    ImageStore(images_url).put(key, png(np.zeros((8, 8, 3), np.uint8)), "image/png")
    fields = {"model": "tiny-x4", "scale": 4, "steps": 3, "seed": 1, "image": key, "width": 64, "height": 64}
    failed = ended(store, send(Kind.SUPER_RESOLUTION, **fields))
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == (
        "invalid_input",
        "image is RGB of 8 x 8, not RGB of 16 x 16",
    )


def test_a_canceled_job_stops_and_the_next_one_runs(submit: Callable[..., Job], store: JobStore) -> None:
    canceled = submit(steps=200, num_images=8)
    until(lambda: store.get(canceled.id).progress)
    store.cancel(canceled.id)
    following = submit()
    until(lambda: store.get(following.id).status is Status.SUCCEEDED)
    assert store.get(canceled.id).status is Status.CANCELED


def test_the_catalog_shows_a_worker_while_it_serves(
    networks: ResidentNetworks, valkey_url: str, images_url: str, redis: Redis
) -> None:
    catalog = Catalog(redis)
    settings = WorkerSettings(redis_url=valkey_url, images_url=images_url, heartbeat_seconds=0.05)
    with (
        celery_app(settings, "worker") as app,
        running(settings, networks, redis, ImageStore(images_url), app) as runner,
    ):
        until(catalog.workers)
        redis.flushall()
        until(catalog.workers)
        assert [worker.id for worker in catalog.workers()] == [runner.worker_id]
        assert catalog.models() == {card.id: card for card in networks.cards}
        assert set(catalog.workers()[0].queues) == set(QUEUES)
    assert catalog.workers() == []


@pytest.fixture
def refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], valkey_url: str, images_url: str
) -> Refusal:
    """Starts a worker that will not have these settings; returns its one line."""
    # The log of the tests is not to change for good.
    monkeypatch.setattr(module, "_configure_logs", lambda settings: None)

    def refusal(**settings: object) -> str:
        for name, value in {"redis_url": valkey_url, "images_url": images_url, **settings}.items():
            monkeypatch.setenv(f"KANDINSKY_{name.upper()}", str(value))
        assert main() == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("kandinsky worker: ")
        return line.removeprefix("kandinsky worker: ")

    return refusal


def test_a_bad_variable_is_named_with_its_value(refusal: Refusal) -> None:
    line = refusal(max_rows=0, queues="pictures")
    assert "KANDINSKY_MAX_ROWS: Input should be greater than or equal to 1, not '0'" in line
    assert "no queue is called 'pictures'; there is images, superres" in line


def test_a_redis_that_is_away_is_named_without_its_password(refusal: Refusal) -> None:
    line = refusal(redis_url="redis://:secret@127.0.0.1:1/0")
    assert line.startswith("Redis at redis://127.0.0.1:1/0 (KANDINSKY_REDIS_URL) is not reachable: ")


def test_a_redis_url_that_is_none_is_refused(refusal: Refusal) -> None:
    line = refusal(redis_url="redis://:secret@127.0.0.1:port/0")
    assert line.startswith("KANDINSKY_REDIS_URL: ")
    assert line.endswith("not 'redis://127.0.0.1:port/0'")


def test_a_folder_that_cannot_be_written_is_named(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(images_url=tmp_path / "file" / "images")
    assert f"the image store {tmp_path}/file/images" in line
    assert "(KANDINSKY_IMAGES_URL)" in line


def test_a_port_that_is_taken_is_named(refusal: Refusal) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        expected = f"port {port} (KANDINSKY_METRICS_PORT) cannot be used: Address already in use"
        assert refusal(metrics_port=port) == expected


def test_a_device_that_is_not_there_is_named(refusal: Refusal, tiny_checkpoint: Path) -> None:
    line = refusal(device="cuda:99", checkpoints=tiny_checkpoint)
    assert line.startswith("device cuda:99 cannot be used here: ")
    assert line.endswith("(KANDINSKY_DEVICE)")


def test_a_checkpoint_that_is_none_is_named(refusal: Refusal, tmp_path: Path) -> None:
    line = refusal(checkpoints=tmp_path / "none")
    assert line == f"{tmp_path}/none is not a folder (KANDINSKY_CHECKPOINTS)"


def test_a_model_that_is_not_there_is_named(refusal: Refusal, tiny_checkpoint: Path) -> None:
    line = refusal(checkpoints=tiny_checkpoint, models="large")
    assert line.startswith("no checkpoint is called 'large'; there is tiny (KANDINSKY_CHECKPOINTS, ")
