"""How a caller sees jobs: only their own, with URLs by which they reach them."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.access.callers import Caller
from service.access.signing import UrlSigner
from service.answers.schemas import JobResponse, OutputResponse, UploadResponse, job_response, output_response
from service.intake.estimates import Lookout
from worker.jobs.backlog import Backlog
from worker.jobs.errors import JobNotFound
from worker.jobs.image_keys import image_id
from worker.jobs.job import Job, Output, Status
from worker.jobs.store import JobStore
from worker.jobs.uploads import Upload


@dataclass(frozen=True)
class JobView:
    """Shows jobs to one caller."""

    store: JobStore
    backlog: Backlog
    caller: Caller
    base_url: str
    signer: UrlSigner
    lookout: Lookout

    def job_url(self, job_id: str) -> str:
        """Where the caller finds a job."""
        return f"{self.base_url}/v1/jobs/{job_id}"

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
        return self.show_at(job, self.backlog.position(job) if job.status is Status.QUEUED else None)

    def show_all(self, jobs: Sequence[Job]) -> list[JobResponse]:
        """What the caller sees of these jobs."""
        places = self.backlog.positions(jobs)
        return [self.show_at(job, place) for job, place in zip(jobs, places, strict=True)]

    def show_at(self, job: Job, place: int | None) -> JobResponse:
        """What the caller sees of a job that has so many before it; None when it is not queued."""
        wait = None if place is None else self.lookout.look().wait_seconds(job.queue, place)
        seconds = None if wait is None else round(wait, 1)
        outputs = [self.show_output(job.id, output) for output in job.outputs]
        return job_response(job, self.job_url(job.id), outputs, place, seconds)

    def show_output(self, job_id: str, output: Output) -> OutputResponse:
        """What the caller sees of a picture of their job; its URL needs no API key for a time."""
        image = image_id(job_id, output.index)
        return output_response(image, output, self._image_url(image))

    def show_upload(self, upload: Upload) -> UploadResponse:
        """What the caller sees of a picture that they have uploaded."""
        shown = upload.model_dump(exclude={"owner", "key"})
        return UploadResponse(url=self._image_url(upload.id), **shown)

    def _image_url(self, image_id: str) -> str:
        # What belongs to no key is open as it is.
        query = f"?{self.signer.query(image_id)}" if self.caller.owner else ""
        return f"{self.base_url}/v1/images/{image_id}{query}"
