"""Jobs of every kind through a whole worker of mock models, and what becomes of those that fail."""

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import pairwise

import pytest
from PIL import Image
from redis import Redis

from tests.polling import until
from tests.worker.conftest import MakeJob
from tests.worker.mock.stages import MASK, PICTURE, stage
from tests.worker.serving import serving
from worker.engine.handle import SampleFailed
from worker.inputs import Inputs
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Status
from worker.jobs.queue import JobQueue
from worker.jobs.stages import Kind, Stage
from worker.jobs.store import JobStore
from worker.mock.networks import MockNetworks
from worker.settings import WorkerSettings

Run = Callable[..., Job]


@pytest.fixture
def settings(valkey_url: str, images_url: str) -> WorkerSettings:
    return WorkerSettings(
        redis_url=valkey_url,
        images_url=images_url,
        queues="images,superres,prompts,encoders",
        mock_step_seconds=0.001,
    )


@pytest.fixture
def queue(settings: WorkerSettings, redis: Redis) -> Iterator[JobQueue]:
    """The queue of a worker that runs in this process, in whose store are a picture and a mask."""
    images = ImageStore(settings.images_url)
    for name, pixels in (("image.png", PICTURE), ("mask.png", MASK)):
        file = BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        images.put(name, file.getvalue(), "image/png")
    with serving(settings, MockNetworks(settings), redis) as queue:
        yield queue


@pytest.fixture
def run(queue: JobQueue, store: JobStore, make_job: MakeJob) -> Run:
    """Runs a job to its end; arguments are its stages, of which the first was asked for."""

    def run(*stages: Stage) -> Job:
        job = store.create(make_job(stages[0], stages=stages))
        queue.send(job)
        until(lambda: store.get(job.id).status.is_final)
        return store.get(job.id)

    return run


def test_a_job_of_every_kind_succeeds(run: Run) -> None:
    jobs = {kind: run(stage(kind)) for kind in Kind if kind is not Kind.REFINEMENT}
    assert {job.status for job in jobs.values()} == {Status.SUCCEEDED}
    assert {kind for kind, job in jobs.items() if not job.outputs} == {Kind.BEAUTIFICATION, Kind.ENCODING}


def test_stages_follow_each_other(run: Run) -> None:
    drawing, enlarging = stage(Kind.TEXT_TO_IMAGE), stage(Kind.SUPER_RESOLUTION, image=None)
    job = run(stage(Kind.BEAUTIFICATION), drawing, stage(Kind.REFINEMENT), enlarging)
    assert [output.width for output in job.outputs] == [256, 256]
    assert job.text == "a cat, digital art, bold colors, on a pink background"
    assert {receipt.device for receipt in job.receipts} == {"mock"}


def test_samples_of_one_group_share_steps(settings: WorkerSettings, make_job: MakeJob) -> None:
    orders = MockNetworks(settings).orders(make_job(stage(Kind.TEXT_TO_IMAGE, num_images=3)), Inputs())
    assert len({order.group for order in orders}) == 1
    assert [(order.rows, order.num_steps) for order in orders] == [(2, 4)] * 3


def test_a_picture_comes_out_of_noise(settings: WorkerSettings, make_job: MakeJob) -> None:
    networks = MockNetworks(settings)
    [order] = networks.orders(make_job(stage(Kind.TEXT_TO_IMAGE, num_images=1)), Inputs())
    [state] = networks.start([order.request])
    previews = []
    while not networks.is_done(state):
        previews.append(networks.preview(state))
        networks.step([state])
    assert len(previews) == 4
    assert all((one != other).any() for one, other in pairwise(previews))


def test_fewer_steps_are_taken_of_a_picture_that_is_drawn_again(
    settings: WorkerSettings, make_job: MakeJob
) -> None:
    job = make_job(stage(Kind.IMAGE_TO_IMAGE, strength=0.5, steps=10))
    assert {order.num_steps for order in MockNetworks(settings).orders(job, Inputs((PICTURE,)))} == {5}


def test_a_failure_is_told_and_touches_no_other_job(run: Run) -> None:
    failed = [run(stage(Kind.TEXT_TO_IMAGE, prompt=f"mock:{trouble}")).error for trouble in ("error", "oom")]
    assert [(error.code, error.message) for error in failed if error] == [
        ("internal", "MockError while drawing the picture"),
        ("internal", "the picture does not fit in the device's memory"),
    ]
    # The engine has not learnt that two pictures are too many.
    assert run(stage(Kind.TEXT_TO_IMAGE)).receipts[0].mean_batch_size == 2


def test_what_no_model_here_does_is_refused(settings: WorkerSettings, make_job: MakeJob) -> None:
    job = make_job(stage(Kind.TEXT_TO_IMAGE, model="kandinsky-3"))
    with pytest.raises(SampleFailed, match=r"this worker serves mock, .*, not kandinsky-3 for text-to-image"):
        MockNetworks(settings).orders(job, Inputs())
