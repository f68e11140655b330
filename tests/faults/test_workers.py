"""Jobs outlive their workers and their server."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.faults.conftest import Cluster
from tests.polling import until
from tests.processes import WorkerProcess
from worker.jobs.job import Job, Status
from worker.jobs.queue import waiting

Submit = Callable[..., Job]


def test_a_job_outlives_its_server(cluster: Cluster, submit: Submit) -> None:
    job = submit()
    until(lambda: cluster.has_progress(job))
    holder = cluster.holder(job)
    cluster.server.kill()
    cluster.server.start()
    until(lambda: cluster.has_succeeded(job), 60)
    assert cluster.holder(job) is holder
    assert cluster.store.get(job.id).attempts == 1
    following = submit(steps=1)
    until(lambda: cluster.has_succeeded(following), 60)


def test_messages_that_come_twice_make_one_picture(cluster: Cluster, submit: Submit) -> None:
    job = submit(steps=50)
    for _ in range(5):
        cluster.queue.send(job)
    until(lambda: cluster.has_succeeded(job), 60)
    ended = cluster.store.get(job.id)
    following = submit(steps=1)
    until(lambda: cluster.has_succeeded(following), 60)
    assert cluster.store.get(job.id) == ended
    assert ended.attempts == 1


def test_a_job_of_a_killed_worker_is_drawn_by_another(cluster: Cluster, submit: Submit) -> None:
    job = submit()
    until(lambda: cluster.has_progress(job))
    killed = cluster.holder(job)
    killed.kill()
    until(lambda: cluster.has_succeeded(job), 60)
    assert cluster.holder(job) is not killed
    assert cluster.store.get(job.id).attempts == 2
    again = submit()
    until(lambda: cluster.has_succeeded(again), 60)
    assert cluster.picture(job) == cluster.picture(again)


def test_a_worker_that_is_asked_to_stop_hands_its_job_back(cluster: Cluster, submit: Submit) -> None:
    job = submit()
    until(lambda: cluster.has_progress(job))
    stopped = cluster.holder(job)
    assert stopped.stop() == 0
    assert "handed_back" in stopped.log.read_text()
    until(lambda: cluster.has_succeeded(job), 60)
    assert cluster.holder(job) is not stopped
    assert cluster.store.get(job.id).attempts == 1


def test_a_worker_that_is_alone_leaves_the_job_in_the_queue(cluster: Cluster, submit: Submit) -> None:
    one, two = cluster.workers
    two.kill()
    job = submit()
    until(lambda: cluster.has_progress(job))
    assert one.stop() == 0
    left = cluster.store.get(job.id)
    assert (left.status, left.attempts, left.worker) == (Status.QUEUED, 0, None)
    assert waiting(cluster.server.client, "images.tiny") == {job.id}


def test_a_broken_checkpoint_is_refused_in_one_line(
    tiny_checkpoint: Path, tmp_path: Path, valkey_url: str
) -> None:
    weights = "unet/diffusion_pytorch_model.safetensors"
    broken = tmp_path / "broken"
    shutil.copytree(tiny_checkpoint, broken)
    with (broken / weights).open("r+b") as file:
        file.truncate(1000)
    settings = {"redis_url": valkey_url, "images_url": tmp_path / "images", "checkpoints": broken}
    worker = WorkerProcess.start(tmp_path / "worker.log", **settings)
    assert worker.process.wait(timeout=60) == 1
    [line] = worker.lines
    assert line.startswith(f"kandinsky worker: {broken / weights} is damaged or truncated: ")
