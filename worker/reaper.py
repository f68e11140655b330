"""The reaper: finds the jobs that a dead worker or a lost message left behind."""

import time
from dataclasses import dataclass

import structlog
from redis import Redis
from redis.exceptions import RedisError

from worker.jobs.backlog import Backlog
from worker.jobs.errors import JobNotFound
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Priority, Status
from worker.jobs.queue import JobQueue, promote_oldest, waiting
from worker.jobs.retention import Retention
from worker.jobs.store import JobStore
from worker.periodic import PAUSE_SECONDS, Periodic

logger = structlog.get_logger(__name__)

#: One worker of all that share a Redis reaps at a time.
LOCK = "jobs:reaper"
#: While Redis was away nobody could renew a lease: workers get this long to do so once it is back.
REST_SECONDS = 3 * PAUSE_SECONDS


@dataclass(frozen=True)
class ReapRules:
    """When the reaper acts."""

    interval_seconds: float = 5
    max_attempts: int = 3
    #: A message counts as lost when its job has been queued for so long and none is in the queue.
    grace_seconds: float = 30
    #: While a batch job has waited for so long, one of them goes first in every pass.
    patience_seconds: float = 60


class Reaper(Periodic):
    """Puts left-over jobs right, in one thread of every worker and one worker at a time."""

    def __init__(
        self, store: JobStore, queue: JobQueue, images: ImageStore, redis: Redis, rules: ReapRules
    ) -> None:
        super().__init__("reaper", rules.interval_seconds, self.take_turn)
        self._store = store
        self._backlog = Backlog(redis)
        self._retention = Retention(redis)
        self._queue = queue
        self._images = images
        self._redis = redis
        self._rules = rules
        self._away = False
        self._rest_until = time.monotonic()

    def reap(self) -> None:
        """One pass over all jobs."""
        self._recover()
        for job in self._store.expire_overdue():
            logger.info("job expired", job_id=job.id)
        for queue in self._backlog.queues():
            self._send_lost(queue)
            self._promote(queue)
        self._sweep()

    def take_turn(self) -> None:
        """Reap, unless another worker has done so within the interval."""
        try:
            # The lock ends by itself: it spaces the passes of all workers by one interval.
            mine = self._redis.set(LOCK, "", nx=True, px=int(self._rules.interval_seconds * 1000))
            if self._away:
                self._away, self._rest_until = False, time.monotonic() + REST_SECONDS
            if mine and time.monotonic() >= self._rest_until:
                self.reap()
        except RedisError:
            self._away = True
            raise

    def _recover(self) -> None:
        for job in self._store.recover(self._rules.max_attempts):
            logger.warning("lease ended", job_id=job.id, attempts=job.attempts, status=job.status)
            if job.status is Status.QUEUED:
                self._queue.send(job)

    def _send_lost(self, queue: str) -> None:
        stale = self._stale(queue, *Priority, seconds=self._rules.grace_seconds)
        if not stale:
            return
        for job_id in sorted(set(stale) - waiting(self._redis, queue)):
            job = self._find(job_id)
            if job is not None and job.status is Status.QUEUED:
                logger.warning("message lost", job_id=job_id)
                self._queue.send(job)

    def _promote(self, queue: str) -> None:
        if self._stale(queue, Priority.BATCH, seconds=self._rules.patience_seconds):
            promote_oldest(self._redis, queue)

    def _sweep(self) -> None:
        job_ids = self._retention.overdue()
        for job_id in job_ids:
            self._images.delete_job(job_id)
        self._retention.forget(job_ids)

    def _stale(self, queue: str, *priorities: Priority, seconds: float) -> list[str]:
        age_ms = int(seconds * 1000)
        return [id for priority in priorities for id in self._backlog.stale(queue, priority, age_ms)]

    def _find(self, job_id: str) -> Job | None:
        try:
            return self._store.get(job_id)
        except JobNotFound:
            return None
