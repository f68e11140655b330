"""Ids as FusionBrain writes them: a UUID that says the same as the id of a job, and one for each model."""

from uuid import UUID, uuid5

from worker.jobs.errors import JobNotFound

PREFIX = "job_"
NUM_DIGITS = 26
#: Digits of base 32: Crockford's, in which jobs have them, and those that `int` reads.
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
PLAIN = "0123456789abcdefghijklmnopqrstuv"
PIPELINES = UUID("5f4a1cd5-94a6-4f3c-8c71-2a3b8f6f7d10")

_to_plain = str.maketrans(CROCKFORD, PLAIN)


def job_uuid(job_id: str) -> UUID:
    """The UUID of a job: its id and a UUID both have 128 bits."""
    return UUID(int=int(job_id.removeprefix(PREFIX).translate(_to_plain), 32))


def find_job_id(text: str) -> str:
    """The id of the job with a UUID. Raises JobNotFound for what is none."""
    try:
        number = UUID(text).int
    except ValueError:
        raise JobNotFound(text) from None
    digits = (number >> shift & 31 for shift in range(5 * (NUM_DIGITS - 1), -1, -5))
    return PREFIX + "".join(CROCKFORD[digit] for digit in digits)


def pipeline_uuid(model: str) -> UUID:
    """The UUID of the pipeline that draws with a model: always the same."""
    return uuid5(PIPELINES, model)
