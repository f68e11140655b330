"""Rates: how fast the queues are served, as `transition.lua` measures it."""

from collections.abc import Sequence
from dataclasses import dataclass

#: The fields of a hash of sums, in milliseconds, and of what was summed up.
MEASURED = ("interval_ms", "interval_count", "stage_ms", "stage_count")


@dataclass(frozen=True)
class Rates:
    """How fast a queue is served, in seconds, by its last hundred jobs or so; None is unknown."""

    #: Between two starts while jobs were waiting.
    interval: float | None
    #: From the start of a stage to its end.
    stage: float | None


@dataclass(frozen=True)
class QueueState:
    """What is in a queue at a moment, and how fast it is served."""

    num_queued: int
    num_running: int
    rates: Rates


def read_rates(measured: Sequence[str | bytes | None]) -> Rates:
    """The rates that the fields `MEASURED` tell, None for those that are not there."""
    interval, num_intervals, stage, num_stages = (float(value or 0) for value in measured)
    return Rates(
        interval=interval / num_intervals / 1000 if num_intervals else None,
        stage=stage / num_stages / 1000 if num_stages else None,
    )
