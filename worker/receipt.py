"""Where the time of a job went."""

from worker.engine.handle import Handle
from worker.jobs.job import Job, Receipt


def make_receipt(job: Job, handle: Handle, device: str, store_seconds: float) -> Receipt:
    """The receipt of a job whose pictures are drawn and stored.

    A phase took as long as for the picture that it took longest for, since they are drawn together.
    """
    timings = [sample.timing for sample in handle.samples]
    return Receipt(
        queue_ms=_milliseconds(queue_seconds(job)),
        encode_ms=_milliseconds(max(timing.encode for timing in timings)),
        denoise_ms=_milliseconds(max(timing.denoise for timing in timings)),
        decode_ms=_milliseconds(max(timing.decode for timing in timings)),
        store_ms=_milliseconds(store_seconds),
        device=device,
        steps=handle.num_steps // len(handle.samples),
        mean_batch_size=round(sum(timing.company for timing in timings) / handle.num_steps, 2),
        attempts=job.attempts,
    )


def queue_seconds(job: Job) -> float:
    """How long a started job was queued, by the clock of Redis."""
    if job.started_at is None or job.queued_at is None:
        return 0.0
    return (job.started_at - job.queued_at).total_seconds()


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
