"""A whole worker in this process, in the threads of a real Celery worker."""

from collections.abc import Iterator
from contextlib import contextmanager

from celery.contrib.testing.worker import start_worker
from redis import Redis

from tests.polling import until
from worker.jobs.images import ImageStore
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.store import CANCELED
from worker.main import ServedNetworks, queues_of, running
from worker.settings import WorkerSettings


@contextmanager
def serving(settings: WorkerSettings, networks: ServedNetworks, redis: Redis) -> Iterator[JobQueue]:
    """Serves until the end of the block; gives the queue."""
    queues = list(queues_of(settings, networks.cards))
    with (
        celery_app(settings) as app,
        running(settings, networks, redis, ImageStore(settings.images_url), app),
        start_worker(app, pool="threads", concurrency=4, perform_ping_check=False, queues=queues),
    ):
        until(lambda: redis.pubsub_numsub(CANCELED)[0][1])
        yield JobQueue(app)
