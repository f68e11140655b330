"""The ending of a job that was followed: what has become of it, however that came about."""

from contextlib import suppress

from fastapi.concurrency import run_in_threadpool
from redis.exceptions import RedisError

from service.dependencies import Gateway
from service.errors import Unavailable
from service.following import as_removed
from worker.jobs.errors import JobNotFound
from worker.jobs.job import Job


def find_ended(gateway: Gateway, job: Job) -> Job:
    """The job as it has ended; one that was removed counts as canceled.

    Raises Unavailable for one that goes on, as it does when the gateway stops, and RedisError.
    """
    try:
        now = gateway.store.get(job.id)
    except JobNotFound:
        return as_removed(job)
    if not now.status.is_final:
        raise Unavailable(f"the gateway stops, and job {job.id} goes on", details={"job": job.id})
    return now


async def end_of(gateway: Gateway, job: Job) -> Job:
    """A job once it has ended. Raises what `find_ended` does."""
    with suppress(JobNotFound):
        async for _ in gateway.followers.follow(job.id):
            pass
    return await run_in_threadpool(find_ended, gateway, job)


def cancel_left(gateway: Gateway, job: Job) -> None:
    """Cancel a job whose caller has left, if that can be done; nobody is there to be told."""
    with suppress(RedisError, JobNotFound):
        gateway.store.cancel(job.id)
