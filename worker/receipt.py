"""Where the time of a job went."""

from worker.engine.handle import Handle
from worker.jobs.job import Job, Receipt


def make_receipt(job: Job, handle: Handle, device: str, store_seconds: float) -> Receipt:
    """The receipt of a stage that is done, its results stored.

    A phase took as long as for the picture that it took longest for, since they are drawn together.
    """
    timings = [sample.timing for sample in handle.samples]
    num_steps = sum(timing.steps for timing in timings)
    return Receipt(
        stage=job.stage.kind,
        queue_ms=_milliseconds(queue_seconds(job)),
        encode_ms=_milliseconds(max(timing.encode for timing in timings)),
        denoise_ms=_milliseconds(max(timing.denoise for timing in timings)),
        decode_ms=_milliseconds(max(timing.decode for timing in timings)),
        store_ms=_milliseconds(store_seconds),
        device=device,
        steps=max(timing.steps for timing in timings),
        mean_batch_size=round(sum(timing.company for timing in timings) / max(1, num_steps), 2),
        attempts=job.attempts,
    )


def queue_seconds(job: Job) -> float:
    """How long the present stage of a job was queued before it started, by the clock of Redis."""
    if job.stage_started_at is None or job.queued_at is None:
        return 0.0
    return (job.stage_started_at - job.queued_at).total_seconds()


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
