"""Jobs of every kind, of one stage and of several, through a whole worker."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from redis import Redis

from tests.language_models import write_language_model
from tests.polling import until
from tests.worker.conftest import MakeJob
from tests.worker.serving import serving
from tests.worker.stages import (
    encoding,
    image_to_image,
    inpainting,
    outpainting,
    refinement,
    super_resolution,
    text_to_image,
)
from worker.inputs import Inputs
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Progress, Status
from worker.jobs.queue import JobQueue
from worker.jobs.stages import Beautification, Kind, Stage
from worker.jobs.store import JobStore
from worker.loading import load_networks
from worker.networks import ResidentNetworks
from worker.settings import WorkerSettings

Send = Callable[..., Job]

SIDE = 64
PICTURE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
MASK = np.zeros((SIDE, SIDE), np.uint8)
MASK[16:48, 8:40] = 255
WRITING = Beautification(model="writer", prompt="a cat", seed=7, template="{prompt}, flat style")


@pytest.fixture(scope="module")
def settings(tiny_family: Path, tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> WorkerSettings:
    """A worker that serves everything; what reads prompts for the networks is in queues of its own."""
    folder = tmp_path_factory.mktemp("worker")
    return WorkerSettings(
        checkpoints=(tiny_family,),
        language_model=str(write_language_model(folder / "writer")),
        beautifier={"max_new_tokens": 8},
        queues="images,superres,prompts,encoders",
        memory="encoder-remote",
        device="cpu",
        redis_url=valkey_url,
        images_url=str(folder / "images"),
    )


@pytest.fixture(scope="module")
def networks(settings: WorkerSettings) -> ResidentNetworks:
    return load_networks(settings)


@pytest.fixture
def images(settings: WorkerSettings) -> ImageStore:
    """A store that holds a picture of 64 x 64 and a mask."""
    images = ImageStore(settings.images_url)
    images.put("image.png", png(PICTURE), "image/png")
    images.put("mask.png", png(MASK), "image/png")
    return images


@pytest.fixture
def queue(
    settings: WorkerSettings, networks: ResidentNetworks, images: ImageStore, redis: Redis
) -> Iterator[JobQueue]:
    with serving(settings, networks, redis) as queue:
        yield queue


@pytest.fixture
def send(queue: JobQueue, store: JobStore, make_job: MakeJob) -> Send:
    """Creates and sends a job of some stages, of which the first but an encoding is what was asked for."""

    def send(*stages: Stage) -> Job:
        asked = next(stage.kind for stage in stages if stage.kind is not Kind.ENCODING)
        job = store.create(make_job(kind=asked, stages=stages))
        queue.send(job)
        return job

    return send


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def ended(store: JobStore, job: Job) -> Job:
    until(lambda: store.get(job.id).status.is_final)
    return store.get(job.id)


def pictures(images: ImageStore, job: Job) -> list[NDArray[np.uint8]]:
    files = [io.BytesIO(images.get(output.key)) for output in job.outputs]
    return [np.asarray(Image.open(file)) for file in files]


@pytest.mark.parametrize(
    ("stage", "steps", "size"),
    [
        (text_to_image(), 4, (64, 64)),
        (text_to_image(model="tiny-flash", sampler="flash"), 4, (64, 64)),
        (image_to_image(), 2, (64, 64)),
        (image_to_image(model="tiny-flash", sampler="flash", strength=0.25), 1, (64, 64)),
        (inpainting(), 4, (64, 64)),
        (outpainting(), 12, (80, 96)),
    ],
    ids=["text", "flash", "again", "flash again", "inpainting", "outpainting"],
)
def test_every_kind_of_drawing(
    send: Send, store: JobStore, images: ImageStore, stage: Stage, steps: int, size: tuple[int, int]
) -> None:
    job = ended(store, send(encoding(), stage))
    assert job.error is None
    assert [receipt.steps for receipt in job.receipts] == [1, steps]
    first, second = pictures(images, job)
    assert first.shape == second.shape == (*size, 3)
    assert not np.array_equal(first, second)


def test_what_is_kept_of_a_picture_stays_as_it_is(send: Send, store: JobStore, images: ImageStore) -> None:
    painted = ended(store, send(encoding(), inpainting()))
    outpainted = ended(store, send(encoding(), outpainting()))
    for drawn in pictures(images, painted):
        assert np.array_equal(drawn[MASK == 0], PICTURE[MASK == 0])
        assert np.abs(drawn[MASK > 0].astype(int) - PICTURE[MASK > 0]).mean() > 10
    for drawn in pictures(images, outpainted):
        assert np.array_equal(drawn[:SIDE, :SIDE], PICTURE)


@pytest.mark.parametrize(
    ("stage", "steps"),
    [
        (super_resolution(4), 3),
        (super_resolution(2), 3),
        (super_resolution(2, model="tiny-flash-x2"), 4),
    ],
    ids=["x4", "x2", "flash x2"],
)
def test_pictures_become_larger(
    send: Send, store: JobStore, images: ImageStore, redis: Redis, stage: Stage, steps: int
) -> None:
    job = ended(store, send(stage))
    assert [receipt.steps for receipt in job.receipts] == [steps]
    [picture] = pictures(images, job)
    assert picture.shape == (stage.height, stage.width, 3)  # type: ignore[union-attr]
    types = [entry[b"type"] for _, entry in redis.xrange(f"job:{job.id}:events")]
    assert types[-2:] == [b"output", b"status"]


def test_a_prompt_becomes_richer(send: Send, store: JobStore) -> None:
    job = ended(store, send(WRITING))
    assert (job.status, job.outputs) == (Status.SUCCEEDED, ())
    assert job.text is not None
    assert job.text.endswith(", flat style")


def test_a_pipeline_in_one_request(send: Send, store: JobStore, images: ImageStore, redis: Redis) -> None:
    stages = (
        WRITING,
        encoding(prompt="a cat"),
        text_to_image(prompt="a cat"),
        refinement(prompt="a cat"),
        super_resolution(2, image=None),
    )
    job = ended(store, send(*stages))
    assert job.error is None
    assert [receipt.stage for receipt in job.receipts] == [stage.kind for stage in stages]
    assert [picture.shape for picture in pictures(images, job)] == [(128, 128, 3)] * 2
    events = [entry for _, entry in redis.xrange(f"job:{job.id}:events")]
    assert sum(event[b"type"] == b"output" for event in events) == 2
    assert events[-1][b"data"] == b'{"status":"succeeded","stage":"super-resolution"}'


def test_progress_grows_over_all_stages(send: Send, store: JobStore, redis: Redis) -> None:
    job = ended(store, send(encoding(), text_to_image(steps=50), super_resolution(2, image=None, steps=20)))
    documents = [
        entry[b"data"] for _, entry in redis.xrange(f"job:{job.id}:events") if b"fraction" in entry[b"data"]
    ]
    fractions = [Progress.model_validate_json(document).fraction for document in documents]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1


def test_encoded_elsewhere_a_prompt_gives_the_same_picture(
    send: Send, store: JobStore, images: ImageStore, tiny_family: Path, make_job: MakeJob
) -> None:
    job = ended(store, send(encoding(), text_to_image()))
    settings = WorkerSettings(checkpoints=(tiny_family,), models="tiny", device="cpu")
    local = load_networks(settings)
    states = local.start([order.request for order in local.orders(make_job(text_to_image()), Inputs())])
    for _ in range(4):
        local.step(states)
    for drawn, other in zip(local.decode(states), pictures(images, job), strict=True):
        assert np.abs(drawn.astype(int) - other).max() <= 1


def test_jobs_of_all_kinds_at_once(send: Send, store: JobStore) -> None:
    jobs = [
        send(encoding(), text_to_image()),
        send(super_resolution(4)),
        send(WRITING),
        send(encoding(), text_to_image(model="tiny-flash", sampler="flash")),
        send(encoding(), image_to_image()),
        send(super_resolution(2)),
        send(encoding(), inpainting()),
    ]
    assert [ended(store, job).status for job in jobs] == [Status.SUCCEEDED] * len(jobs)


def test_a_canceled_picture_does_not_become_larger(send: Send, store: JobStore, images: ImageStore) -> None:
    images.put("large.png", png(np.full((256, 256, 3), 200, np.uint8)), "image/png")
    canceled = send(super_resolution(side=256, image="large.png", steps=50))
    until(lambda: store.get(canceled.id).progress)
    store.cancel(canceled.id)
    following = send(super_resolution(side=256, image="large.png", steps=1))
    assert ended(store, following).status is Status.SUCCEEDED
    assert store.get(canceled.id).status is Status.CANCELED


def test_a_picture_of_another_size_is_refused(send: Send, store: JobStore) -> None:
    failed = ended(store, send(super_resolution(side=16)))
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == (
        "invalid_image",
        "image is RGB of 64 x 64, not RGB of 16 x 16",
    )
