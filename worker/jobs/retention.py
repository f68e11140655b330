"""Retention: what is kept until when, and how its record goes."""

from collections.abc import Sequence

from pydantic import TypeAdapter
from redis import Redis

from worker.jobs.record import as_text, events_key, is_job_id, owned_key, record_key

#: Ids of jobs that have ended, or may never come, and of uploads, by when their time is over.
ENDED = "jobs:ended"
#: How long the pictures of what is about to be created are kept while it is not.
EXPECTED_MS = 3_600_000
#: How many ids `overdue` gives at most.
PASS = 500

_Texts = TypeAdapter(list[str])


class Retention:
    """The time that everything in one Redis database is kept.

    Redis failures come out as `redis.exceptions.RedisError`.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def expect(self, id: str) -> None:
        """Let a job or an upload be overdue in an hour unless it is created; before pictures are stored."""
        self._redis.zadd(ENDED, {id: now_ms(self._redis) + EXPECTED_MS})

    def overdue(self) -> list[str]:
        """Ids of jobs that have ended, or were never created, and of uploads, whose time is over.

        Delete their pictures, then `forget` them.
        """
        ids = self._redis.zrangebyscore(ENDED, 0, now_ms(self._redis), start=0, num=PASS)
        return _Texts.validate_python(ids)

    def forget(self, ids: Sequence[str]) -> None:
        """Drop jobs whose pictures are deleted, and uploads, whose records end by themselves."""
        if not ids:
            return
        job_ids = list(filter(is_job_id, ids))
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hget(record_key(job_id), "owner")
            owners = pipeline.execute()
        with self._redis.pipeline() as pipeline:
            for job_id, owner in zip(job_ids, owners, strict=True):
                pipeline.delete(record_key(job_id), events_key(job_id))
                if owner is not None:
                    pipeline.zrem(owned_key(as_text(owner)), job_id)
            pipeline.zrem(ENDED, *ids)
            pipeline.execute()


def now_ms(redis: Redis) -> float:
    """The time by the clock of Redis, which all times of jobs are told by, in milliseconds since 1970."""
    seconds, microseconds = redis.time()
    return float(seconds * 1000 + microseconds / 1000)
