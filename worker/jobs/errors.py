"""What can go wrong between gateway and workers."""


class JobsError(Exception):
    """Any failure of the job contract itself, as opposed to one of the job."""


class JobNotFound(JobsError):
    """No such job: it never existed, or it ended so long ago that its record has expired."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {job_id!r}")
        self.job_id = job_id


class ImageNotFound(JobsError):
    """No such picture in the image store."""

    def __init__(self, image: str) -> None:
        super().__init__(f"no image {image!r}")
        self.image = image


class IllegalTransition(JobsError):
    """A job cannot go from its present status to the wanted one."""

    def __init__(self, job_id: str, present: str, wanted: str) -> None:
        super().__init__(f"job {job_id} is {present} and cannot become {wanted}")
        self.job_id = job_id
        self.present = present
        self.wanted = wanted


class LeaseLost(JobsError):
    """The caller no longer owns the job: it was canceled, or went to another worker when its lease ended."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the lease of job {job_id} is lost")
        self.job_id = job_id


class QueueFull(JobsError):
    """The queue already holds as many jobs as it may."""

    def __init__(self, queue: str, limit: int) -> None:
        super().__init__(f"queue {queue!r} already holds its limit of {limit} jobs")
        self.queue = queue
        self.limit = limit


class OwnerBusy(JobsError):
    """An owner has as many jobs queued or running as they may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the limit of {limit} jobs that are queued or running at a time is reached")
        self.limit = limit


class AlreadySubmitted(JobsError):
    """The same request has come before under the same idempotency key, and has become a job."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the request has already become job {job_id}")
        self.job_id = job_id


class IdempotencyKeyReused(JobsError):
    """Another request has come before under the same idempotency key."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the idempotency key was used for another request, which became job {job_id}")
        self.job_id = job_id


class QueueUnavailable(JobsError):
    """The broker did not take a message."""


class StoreUnavailable(JobsError):
    """The image store cannot be opened, read or written."""
