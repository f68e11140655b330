"""The sweeper: finds what lies in the image store though its record has gone."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import structlog
from redis import Redis

from worker.jobs.images import ImageStore
from worker.jobs.record import is_job_id, record_key
from worker.jobs.uploads import upload_key
from worker.periodic import Periodic

logger = structlog.get_logger(__name__)

#: One worker of all that share a Redis sweeps, once within this time.
LOCK = "images:sweeper"
INTERVAL_SECONDS = 3600
#: How often a worker looks whether it is time.
LOOK_SECONDS = 60
#: How much older than an ended job may get is what nobody can be about to make a record of.
MARGIN = timedelta(hours=2)


class StoreSweeper(Periodic):
    """Deletes pictures without a record, as the reaper deletes those of jobs whose time is over.

    There are some after a crash at the wrong moment, or after Redis has lost records. It takes only what is
    older than every ended job, so a worker that was given an empty Redis by mistake does little harm.
    """

    def __init__(self, images: ImageStore, redis: Redis, retention_seconds: float) -> None:
        super().__init__("sweeper", LOOK_SECONDS, self.take_turn)
        self._images = images
        self._redis = redis
        self._age = timedelta(seconds=retention_seconds) + MARGIN

    def take_turn(self) -> None:
        """Sweep, unless another worker has done so within the interval."""
        if self._redis.set(LOCK, "", nx=True, ex=INTERVAL_SECONDS):
            self.sweep()

    def sweep(self) -> None:
        """Look at everything in the store once."""
        for ids in self._images.ids_before(datetime.now(UTC) - self._age):
            for lost in self._without_record(ids):
                logger.warning("pictures without a record deleted", id=lost)
                self._images.delete_job(lost)

    def _without_record(self, ids: Collection[str]) -> list[str]:
        ordered = sorted(ids)
        with self._redis.pipeline(transaction=False) as pipeline:
            for each in ordered:
                pipeline.exists(record_key(each) if is_job_id(each) else upload_key(each))
            return [each for each, exists in zip(ordered, pipeline.execute(), strict=True) if not exists]
