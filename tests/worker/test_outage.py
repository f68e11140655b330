"""What a worker's threads make of a server that goes away and comes back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.polling import until
from tests.processes import Server
from tests.worker.conftest import MakeJob
from worker.cancellation import CancelListener
from worker.jobs.images import ImageStore
from worker.jobs.job import Status
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.settings import JobSettings
from worker.jobs.store import CANCELED, RUNNING, Claim, JobStore
from worker.lease import Leases
from worker.reaper import Reaper, ReapRules


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.client.close()
    server.stop()


def test_a_worker_outlives_an_outage(server: Server, make_job: MakeJob, images_url: str) -> None:
    canceled: list[str] = []
    lost: list[Claim] = []
    redis = server.client
    store = JobStore(redis)
    claim = store.claim(store.create(make_job()).id, "worker-1", lease_seconds=0.5)
    assert claim is not None
    rules = ReapRules(interval_seconds=0.1)
    with (
        celery_app(JobSettings(redis_url=server.url)) as app,
        CancelListener(redis, canceled.append),
        Reaper(store, JobQueue(app), ImageStore(images_url), redis, rules),
        Leases(store, 0.5, lost.append) as leases,
        leases.hold(claim),
    ):
        until(lambda: redis.pubsub_numsub(CANCELED)[0][1])
        server.stop()
        server.start()
        ends_at = redis.zscore(RUNNING, claim.job.id)
        until(lambda: redis.zscore(RUNNING, claim.job.id) != ends_at)
        until(lambda: redis.pubsub_numsub(CANCELED)[0][1])
        assert store.get(claim.job.id).status is Status.RUNNING
        store.cancel(claim.job.id)
        until(lambda: canceled and lost)
    assert canceled == [claim.job.id]
    assert lost == [claim]
