"""What a worker's threads make of a server that goes away and comes back."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from service.valkey import EmbeddedValkey, find_server, free_port
from tests.worker.conftest import MakeJob
from tests.worker.polling import until
from worker.cancellation import CancelListener
from worker.jobs.images import ImageStore
from worker.jobs.job import Status
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.settings import JobSettings
from worker.jobs.store import CANCELED, RUNNING, Claim, JobStore
from worker.lease import Leases
from worker.reaper import Reaper, ReapRules


class Server:
    """A server of our own, which keeps its data and may be killed."""

    def __init__(self, folder: Path) -> None:
        self._embedded = EmbeddedValkey(folder=folder, port=free_port(), password="test")
        self.client = Redis.from_url(self.url, retry=Retry(NoBackoff(), 1))

    @property
    def url(self) -> str:
        return self._embedded.url

    def start(self) -> None:
        self._process = subprocess.Popen([find_server(), "-"], stdin=subprocess.PIPE)
        assert self._process.stdin is not None
        self._process.stdin.write(self._embedded.config.encode())
        self._process.stdin.close()
        until(self._answers)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


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
        celery_app(JobSettings(redis_url=server.url), "worker") as app,
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
