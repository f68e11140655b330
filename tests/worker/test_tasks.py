"""The story of a job in a worker, on networks that count steps and wait to be let go on."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from celery.exceptions import Reject
from PIL import Image
from prometheus_client import REGISTRY
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.polling import until
from tests.worker.conftest import MakeJob
from tests.worker.engine.abacus import Abacus, order
from tests.worker.stages import super_resolution, text_to_image
from worker.engine.engine import Engine
from worker.engine.sample import Order, Pixels
from worker.engine.scheduler import RowLimits
from worker.inputs import Inputs
from worker.jobs.backlog import Backlog
from worker.jobs.errors import QueueUnavailable, StoreUnavailable
from worker.jobs.image_keys import folder, picture_key
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Status
from worker.jobs.queue import JobQueue, celery_app, waiting
from worker.jobs.stages import Beautification, Kind, OutputFormat, Rendering
from worker.jobs.store import JobStore
from worker.results import Made, Text
from worker.settings import WorkerSettings
from worker.tasks import Runner, Stores

NUM_STEPS = 100

Result = TypeVar("Result")


class CountingModel(Abacus):
    """An abacus that takes jobs; its samples are called by job and index."""

    device = "abacus"

    def orders(self, job: Job, inputs: Inputs) -> Sequence[Order]:
        stage = job.stage
        num_steps = stage.steps if isinstance(stage, Rendering) else NUM_STEPS
        return [order(f"{job.id}-{index}", num_steps) for index in range(self.num_samples(job))]

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Pixels]) -> Made:
        if job.stage.kind is Kind.BEAUTIFICATION:
            return Text("a splendid cat", "it was tired")
        return results

    def num_samples(self, job: Job) -> int:
        return job.num_pictures if isinstance(job.stage, Rendering) else 1


@pytest.fixture
def model() -> Iterator[CountingModel]:
    """A model that waits before each step."""
    model = CountingModel(gated="step")
    yield model
    model.open()


@pytest.fixture
def settings(valkey_url: str, images_url: str) -> WorkerSettings:
    return WorkerSettings(
        redis_url=valkey_url,
        images_url=images_url,
        lease_seconds=60,
        progress_interval_seconds=0.01,
        preview_interval_seconds=0.01,
        drain_seconds=0,
    )


@pytest.fixture
def runner(
    model: CountingModel, settings: WorkerSettings, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Runner]:
    """A runner whose engine draws no conclusions from steps that take no time."""
    monkeypatch.setattr(RowLimits, "record", lambda *_: None)
    engine = Engine(model, max_rows=64)
    engine.start()
    with celery_app(settings) as app:
        stores = Stores(store, JobQueue(app), ImageStore(settings.images_url))
        yield Runner("worker-1", settings, stores, model, engine)
    model.open()
    engine.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


@pytest.fixture
def job(store: JobStore, make_job: MakeJob) -> Job:
    """A queued job of two pictures in a hundred steps."""
    return store.create(make_job(text_to_image(steps=NUM_STEPS)))


@pytest.fixture
def held(runner: Runner, model: CountingModel, job: Job, pool: ThreadPoolExecutor) -> Future[None]:
    """The run of `job`, within its first step."""
    future = pool.submit(runner.run, job.id)
    model.await_entry()
    return future


def outcomes(outcome: str) -> float:
    labels = {"kind": "text-to-image", "outcome": outcome}
    return REGISTRY.get_sample_value("kandinsky_jobs_ended_total", labels) or 0


@pytest.fixture
def let_go() -> Callable[[], dict[str, float]]:
    """How many jobs were let go of during the test, by outcome."""
    names = ("succeeded", "advanced", "failed", "canceled", "handed_back", "lost")
    before = {name: outcomes(name) for name in names}
    return lambda: {name: n for name in names if (n := outcomes(name) - before[name])}


def test_a_job_succeeds(
    held: Future[None], model: CountingModel, store: JobStore, job: Job, runner: Runner
) -> None:
    model.open()
    held.result(timeout=20)
    ended = store.get(job.id)
    assert ended.status is Status.SUCCEEDED
    assert ended.worker == "worker-1"
    (receipt,) = ended.receipts
    assert (receipt.device, receipt.steps, receipt.mean_batch_size) == ("abacus", NUM_STEPS, 2.0)
    for output in ended.outputs:
        with Image.open(io.BytesIO(runner.stores.images.get(output.key))) as picture:
            assert picture.getpixel((0, 0)) == (NUM_STEPS,) * 3


def test_a_job_on_its_last_attempt_has_the_worker_for_itself(
    held: Future[None],
    model: CountingModel,
    store: JobStore,
    job: Job,
    runner: Runner,
    make_job: MakeJob,
    pool: ThreadPoolExecutor,
) -> None:
    lost = store.create(make_job())
    for _ in range(runner.settings.max_attempts - 1):
        store.claim(lost.id, "worker-2", lease_seconds=0.001)
        until(lambda: store.recover(runner.settings.max_attempts))
    run = pool.submit(runner.run, lost.id)
    model.open()
    held.result(timeout=20)
    run.result(timeout=20)
    first, last = store.get(job.id), store.get(lost.id)
    assert first.ended_at is not None
    assert last.stage_started_at is not None
    assert first.ended_at <= last.stage_started_at


def test_a_receipt_tells_where_the_time_went(
    held: Future[None], model: CountingModel, store: JobStore, job: Job
) -> None:
    model.open()
    held.result(timeout=20)
    (receipt,) = store.get(job.id).receipts
    assert (receipt.device, receipt.steps, receipt.mean_batch_size) == ("abacus", NUM_STEPS, 2)
    assert min(receipt.queue_ms, receipt.encode_ms, receipt.decode_ms) >= 0
    assert receipt.denoise_ms > 0
    assert receipt.store_ms > 0


def test_a_stage_that_ends_sends_the_job_on(
    runner: Runner,
    model: CountingModel,
    store: JobStore,
    make_job: MakeJob,
    redis: Redis,
    let_go: Callable[[], dict[str, float]],
) -> None:
    model.open()
    writing = Beautification(model="writer", prompt="a cat", seed=7)
    job = store.create(make_job(stages=(writing, text_to_image())))
    runner.run(job.id)
    advanced = store.get(job.id)
    assert (advanced.stage.kind, advanced.text) == (Kind.TEXT_TO_IMAGE, "a splendid cat")
    assert advanced.warnings == ("beautify: it was tired",)
    assert waiting(redis, "images.tiny") == {job.id}
    runner.run(job.id)
    ended = store.get(job.id)
    assert (ended.status, len(ended.outputs), len(ended.receipts)) == (Status.SUCCEEDED, 2, 2)
    assert let_go() == {"succeeded": 1}


def test_a_stage_works_on_what_the_one_before_has_drawn(
    runner: Runner, model: CountingModel, store: JobStore, make_job: MakeJob
) -> None:
    model.open()
    stages = (text_to_image(width=1, height=1), super_resolution(2, side=1, image=None))
    job = store.create(make_job(stages=stages))
    runner.run(job.id)
    before = store.get(job.id)
    assert (before.outputs, before.progress and before.progress.fraction) == ((), 0.5)
    runner.run(job.id)
    keys = [picture_key(job.id, index, OutputFormat.PNG) for index in range(2)]
    assert [output.key for output in store.get(job.id).outputs] == keys


def test_a_writer_ends_its_job_with_a_text(
    runner: Runner, model: CountingModel, store: JobStore, make_job: MakeJob
) -> None:
    model.open()
    job = store.create(make_job(Beautification(model="writer", prompt="a cat", seed=7)))
    runner.run(job.id)
    ended = store.get(job.id)
    assert (ended.status, ended.text, ended.outputs) == (Status.SUCCEEDED, "a splendid cat", ())


def test_metrics_tell_of_a_job(
    held: Future[None], model: CountingModel, let_go: Callable[[], dict[str, float]]
) -> None:
    assert REGISTRY.get_sample_value("kandinsky_jobs_held") == 1
    model.open()
    held.result(timeout=20)
    assert REGISTRY.get_sample_value("kandinsky_jobs_held") == 0
    assert let_go() == {"succeeded": 1}


def test_a_second_message_does_nothing(
    held: Future[None], runner: Runner, model: CountingModel, store: JobStore, job: Job
) -> None:
    runner.run(job.id)
    model.open()
    held.result(timeout=20)
    ended = store.get(job.id)
    runner.run(job.id)
    assert store.get(job.id) == ended


@pytest.mark.parametrize("job_id", ["job_01hzzzzzzzzzzzzzzzzzzzzzzz", "not an id"])
def test_a_message_about_no_job_does_nothing(runner: Runner, job_id: str) -> None:
    runner.run(job_id)


def test_progress_and_previews_are_reported(
    held: Future[None], model: CountingModel, redis: Redis, job: Job
) -> None:
    def events() -> list[bytes]:
        return [entry[b"type"] for _, entry in redis.xrange(f"job:{job.id}:events")]

    until(lambda: b"progress" in events())
    until(lambda: model.permits.release() or b"preview" in events())
    model.open()
    held.result(timeout=20)
    assert events()[-3:] == [b"output", b"output", b"status"]


def test_a_canceled_job_stops(
    held: Future[None],
    runner: Runner,
    model: CountingModel,
    store: JobStore,
    job: Job,
    let_go: Callable[[], dict[str, float]],
) -> None:
    store.cancel(job.id)
    runner.cancel(job.id)
    held.result(timeout=20)  # though the step is still under way
    assert let_go() == {"canceled": 1}
    model.open()
    assert store.get(job.id).status is Status.CANCELED


def test_a_job_canceled_while_it_starts_stops_too(
    runner: Runner, model: CountingModel, store: JobStore, job: Job, pool: ThreadPoolExecutor
) -> None:
    orders = model.orders

    def cancel_first(job: Job, inputs: Inputs) -> Sequence[Order]:
        store.cancel(job.id)
        return orders(job, inputs)

    model.orders = cancel_first  # type: ignore[method-assign]
    pool.submit(runner.run, job.id).result(timeout=20)
    assert store.get(job.id).status is Status.CANCELED


def test_a_job_that_went_to_another_worker_is_left_to_it(
    held: Future[None],
    runner: Runner,
    store: JobStore,
    job: Job,
    let_go: Callable[[], dict[str, float]],
    redis: Redis,
) -> None:
    redis.zadd("jobs:running", {job.id: 0})
    store.recover(max_attempts=3)
    other = store.claim(job.id, "worker-2", lease_seconds=60)
    runner.leases.renew()
    held.result(timeout=20)
    assert let_go() == {"lost": 1}
    assert other is not None
    assert store.get(job.id) == other.job


def test_a_second_attempt_in_the_same_worker_outlives_the_first(
    held: Future[None],
    runner: Runner,
    model: CountingModel,
    store: JobStore,
    job: Job,
    redis: Redis,
    pool: ThreadPoolExecutor,
) -> None:
    redis.zadd("jobs:running", {job.id: 0})
    store.recover(max_attempts=3)
    second = pool.submit(runner.run, job.id)
    runner.leases.renew()
    held.result(timeout=20)
    model.open()
    second.result(timeout=20)
    ended = store.get(job.id)
    assert (ended.status, ended.attempts) == (Status.SUCCEEDED, 2)


def test_a_sample_that_fails_fails_the_job(
    held: Future[None], model: CountingModel, store: JobStore, job: Job
) -> None:
    model.breaks["step"] = {f"{job.id}-1"}
    model.open()
    held.result(timeout=20)
    failed = store.get(job.id)
    assert failed.error is not None
    assert (failed.status, failed.error.message) == (Status.FAILED, "ValueError while drawing the picture")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StoreUnavailable("s3://secret is away"), "unavailable", "the image store did not answer"),
        (ZeroDivisionError("secret"), "internal", "the worker failed: ZeroDivisionError"),
    ],
)
def test_whatever_happens_the_owner_is_told(
    held: Future[None],
    runner: Runner,
    model: CountingModel,
    store: JobStore,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    message: str,
) -> None:
    monkeypatch.setattr(runner.stores.images, "put", raising(error))
    model.open()
    held.result(timeout=20)
    failed = store.get(job.id)
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == (code, message)


def test_a_job_whose_picture_is_gone_fails(
    runner: Runner, store: JobStore, make_job: MakeJob, let_go: Callable[[], dict[str, float]]
) -> None:
    job = store.create(make_job(super_resolution(image="gone.png")))
    runner.run(job.id)
    failed = store.get(job.id)
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == (
        "invalid_image",
        "image has left the image store",
    )


def test_a_store_that_gives_nothing_fails_the_job(
    runner: Runner, store: JobStore, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner.stores.images, "get", raising(StoreUnavailable("s3://secret is away")))
    job = store.create(make_job(super_resolution()))
    runner.run(job.id)
    failed = store.get(job.id)
    assert failed.error is not None
    assert failed.error.code == "unavailable"


def test_a_folder_that_cannot_be_written_fails_the_job(
    held: Future[None], model: CountingModel, store: JobStore, job: Job, tmp_path: Path
) -> None:
    shard = (tmp_path / "images" / folder(job.id)).parent
    shard.write_text("a file where the folder should be")
    model.open()
    held.result(timeout=20)
    assert store.get(job.id).error is not None


def test_a_picture_outlives_an_outage(
    held: Future[None], model: CountingModel, store: JobStore, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "report_progress", raising(RedisConnectionError("away")))
    monkeypatch.setattr(store, "succeed", failing_first(3, store.succeed))
    model.open()
    held.result(timeout=20)
    assert store.get(job.id).status is Status.SUCCEEDED


def test_a_stopping_worker_does_not_wait_for_redis(
    held: Future[None],
    runner: Runner,
    store: JobStore,
    monkeypatch: pytest.MonkeyPatch,
    let_go: Callable[[], dict[str, float]],
) -> None:
    monkeypatch.setattr(store, "hand_back", raising(RedisConnectionError("away")))
    runner.drain()
    held.result(timeout=20)
    assert let_go() == {"lost": 1}


def test_a_message_goes_back_when_redis_is_away_until_the_end(
    runner: Runner, store: JobStore, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        runner.drain()
        raise RedisConnectionError("away")

    monkeypatch.setattr(store, "claim", stop)
    with pytest.raises(Reject) as caught:
        runner.run(job.id)
    assert caught.value.requeue


def test_a_draining_worker_hands_back_all_that_it_holds(
    runner: Runner,
    model: CountingModel,
    store: JobStore,
    backlog: Backlog,
    make_job: MakeJob,
    redis: Redis,
    pool: ThreadPoolExecutor,
) -> None:
    jobs = [store.create(make_job()) for _ in range(32)]
    runs = [pool.submit(runner.run, job.id) for job in jobs]
    model.await_entry()
    until(lambda: not backlog.state("images.tiny").num_queued)
    runner.drain()
    for run in runs:
        run.result(timeout=20)
    assert waiting(redis, "images.tiny") == {job.id for job in jobs}
    assert {(job.status, job.attempts) for job in map(store.get, waiting(redis, "images.tiny"))} == {
        (Status.QUEUED, 0)
    }


def test_a_draining_worker_puts_messages_back(runner: Runner, store: JobStore, job: Job) -> None:
    runner.drain()
    with pytest.raises(Reject) as caught:
        runner.run(job.id)
    assert caught.value.requeue
    assert store.get(job.id) == job


def test_a_draining_worker_finishes_what_it_can(
    held: Future[None],
    runner: Runner,
    model: CountingModel,
    store: JobStore,
    job: Job,
    settings: WorkerSettings,
) -> None:
    runner.settings = settings.model_copy(update={"drain_seconds": 60})
    runner.drain()
    model.open()
    held.result(timeout=20)
    assert store.get(job.id).status is Status.SUCCEEDED


def test_a_job_handed_back_without_a_message_is_still_queued(
    held: Future[None], runner: Runner, store: JobStore, job: Job
) -> None:
    runner.stores = replace(runner.stores, queue=SilentQueue())
    runner.drain()
    held.result(timeout=20)
    assert store.get(job.id).status is Status.QUEUED


class SilentQueue(JobQueue):
    """A queue whose broker is away."""

    def __init__(self) -> None:
        pass

    def send(self, job: Job) -> None:
        raise QueueUnavailable("away")


def raising(error: Exception) -> Callable[..., object]:
    def call(*_: object) -> object:
        raise error

    return call


def failing_first(times: int, call: Callable[..., Result]) -> Callable[..., Result]:
    errors = iter([RedisConnectionError("away")] * times)

    def patched(*arguments: object) -> Result:
        if error := next(errors, None):
            raise error
        return call(*arguments)

    return patched
