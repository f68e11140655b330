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


class WaitTooLong(JobsError):
    """More jobs are before one than its caller would wait for."""

    def __init__(self, queue: str, num_before: int) -> None:
        super().__init__(f"{num_before} jobs are before this one in queue {queue!r}")
        self.queue = queue
        self.num_before = num_before


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


class AddressRefused(JobsError):
    """A caller has named an address that may not be reached; the message reads on from the field's name."""


class HostUnknown(JobsError):
    """The name of a host that a caller has named leads to no address."""

    def __init__(self, host: str) -> None:
        super().__init__(f"no host is called {host!r}")
        self.host = host


class FetchFailed(JobsError):
    """What a caller's URL names could not be had; the message reads on from the field's name."""


class FetchTooLarge(JobsError):
    """What a caller's URL names has more bytes than it may; the message reads on from the field's name."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"has more than {limit} bytes, the limit")
        self.limit = limit


class KeyNotFound(JobsError):
    """There is no API key of this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no API key has the id {key_id!r}")
        self.key_id = key_id


class KeyEnded(JobsError):
    """An API key was revoked or has expired, and opens nothing any more."""

    def __init__(self, key_id: str, how: str) -> None:
        super().__init__(f"API key {key_id!r} {how} and stays so; make a new one")
        self.key_id = key_id
