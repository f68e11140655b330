"""A whole worker on a real checkpoint, and what it refuses to start with."""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.polling import until
from tests.worker.conftest import MakeJob
from tests.worker.serving import serving
from tests.worker.stages import text_to_image
from worker import main as module
from worker.jobs.catalog import Catalog
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Status
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.store import JobStore
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
    """The queue of a worker that runs in this process."""
    settings = WorkerSettings(redis_url=valkey_url, images_url=images_url, heartbeat_seconds=0.05)
    with serving(settings, networks, redis) as queue:
        yield queue


@pytest.fixture
def submit(queue: JobQueue, store: JobStore, make_job: MakeJob) -> Callable[..., Job]:
    """Creates and sends a job for pictures of a prompt; keywords set its fields."""

    def submit(**fields: object) -> Job:
        job = store.create(make_job(text_to_image(**fields)))
        queue.send(job)
        return job

    return submit


def test_jobs_become_pictures(
    submit: Callable[..., Job], store: JobStore, images_url: str, redis: Redis
) -> None:
    jobs = [submit(seed=seed) for seed in (1, 2, 1)]
    until(lambda: all(store.get(job.id).status is Status.SUCCEEDED for job in jobs))
    images = ImageStore(images_url)
    first, other, same = (images.get(store.get(job.id).outputs[0].key) for job in jobs)
    assert first == same != other
    until(lambda: not redis.hlen("unacked"))


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
        celery_app(settings) as app,
        running(settings, networks, redis, ImageStore(images_url), app) as runner,
    ):
        until(catalog.workers)
        redis.flushall()
        until(catalog.workers)
        assert [worker.id for worker in catalog.workers()] == [runner.worker_id]
        assert catalog.models() == {card.id: card for card in networks.cards}
        assert {"images.tiny", "images.tiny-inpainting", "superres.tiny-x2"} < {*catalog.workers()[0].queues}
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
    assert "no queue is called 'pictures'; there is images, superres, prompts, encoders" in line


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


def test_a_broken_checkpoint_is_named_with_its_file(
    refusal: Refusal, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_checkpoint, broken)
    weights = broken / "unet/diffusion_pytorch_model.safetensors"
    with weights.open("r+b") as file:
        file.truncate(1000)
    assert refusal(checkpoints=broken).startswith(f"{weights} is damaged or truncated: ")


def test_a_mock_model_that_is_not_there_is_named(refusal: Refusal) -> None:
    line = refusal(checkpoints="mock", models="large")
    assert line.startswith("no mock model is called 'large'; there is mock, mock-flash, ")


def test_credentials_that_are_not_there_are_named(refusal: Refusal, tmp_path: Path) -> None:
    line = refusal(checkpoints="mock", credentials_certificate=tmp_path / "none", credentials_key=tmp_path)
    assert line.startswith("the content credentials cannot be read: ")
    assert str(tmp_path / "none") in line
