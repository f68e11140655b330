"""How a caller sees jobs: only their own, with URLs by which they reach them."""

from dataclasses import dataclass

from service.callers import Caller
from service.schemas import JobResponse, job_response
from worker.jobs.errors import JobNotFound
from worker.jobs.job import Job, Status
from worker.jobs.store import JobStore


@dataclass(frozen=True)
class JobView:
    """Shows jobs to one caller."""

    store: JobStore
    caller: Caller
    base_url: str

    def find(self, job_id: str) -> Job:
        """A job of the caller. Raises JobNotFound, also for one of another owner."""
        return self.own(self.store.get(job_id))

    def own(self, job: Job) -> Job:
        """The job itself. Raises JobNotFound for one of another owner."""
        if job.owner != self.caller.owner:
            raise JobNotFound(job.id)
        return job

    def show(self, job: Job) -> JobResponse:
        """What the caller sees of a job; asks Redis for the place of a queued one."""
        position = self.store.queue_position(job) if job.status is Status.QUEUED else None
        return job_response(job, self.base_url, position)
