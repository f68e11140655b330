"""Jobs outlive their workers and their server."""

from collections.abc import Callable

import pytest

from tests.faults.conftest import Cluster
from tests.polling import until
from worker.jobs.job import Job, Status
from worker.jobs.queue import waiting
from worker.mock.trouble import CRASHED
from worker.watchdog import EXIT_CODE

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
    assert waiting(cluster.server.client, "images.mock") == {job.id}


def test_a_job_whose_worker_crashes_is_drawn_by_another(cluster: Cluster, submit: Submit) -> None:
    job = submit(prompt="mock:crash:1")
    until(lambda: cluster.has_succeeded(job), 60)
    assert cluster.store.get(job.id).attempts == 2
    assert sorted(worker.process.poll() or 0 for worker in cluster.workers) == [0, CRASHED]


def test_a_worker_that_hangs_ends_itself_and_its_jobs_go_on(cluster: Cluster, submit: Submit) -> None:
    jobs = [submit(prompt="mock:hang:1"), submit(), submit()]
    until(lambda: all(cluster.has_succeeded(job) for job in jobs), 60)
    assert cluster.store.get(jobs[0].id).attempts == 2
    [ended] = [worker for worker in cluster.workers if worker.process.poll() is not None]
    assert ended.process.returncode == EXIT_CODE
    assert "stuck in an evaluation" in ended.log.read_text()


def test_a_job_that_ends_every_worker_is_given_up(cluster: Cluster, submit: Submit) -> None:
    job = submit(prompt="mock:crash")
    until(lambda: all(worker.process.poll() is not None for worker in cluster.workers), 60)
    cluster.refill()
    until(lambda: cluster.store.get(job.id).status is Status.FAILED)
    assert "the worker stopped answering in each of 2 attempts" in str(cluster.store.get(job.id).error)
    assert all(worker.process.poll() is None for worker in cluster.workers)


def test_a_picture_that_does_not_fit_fails_alone(cluster: Cluster, submit: Submit) -> None:
    jobs = [submit(prompt=prompt, steps=50) for prompt in ("a cat", "mock:oom", "a dog")]
    until(lambda: all(cluster.store.get(job.id).status.is_final for job in jobs), 60)
    ended = [cluster.store.get(job.id) for job in jobs]
    assert [job.status for job in ended] == [Status.SUCCEEDED, Status.FAILED, Status.SUCCEEDED]
    assert {job.attempts for job in ended} == {1}


@pytest.mark.slow
def test_a_job_that_ends_every_worker_takes_no_other_along(cluster: Cluster, submit: Submit) -> None:
    cluster.workers[1].kill()
    submit(prompt="mock:crash")
    others = [submit(steps=70) for _ in range(3)]

    def have_succeeded() -> bool:
        if all(worker.process.poll() is not None for worker in cluster.workers):
            cluster.refill()
        return all(cluster.has_succeeded(job) for job in others)

    until(have_succeeded, 120)
