"""The handle of a job in the engine: how its task thread follows and cancels it."""

import threading
from collections.abc import Sequence
from typing import Any

from worker.engine.sample import Order, Preview, Sample


class Canceled(Exception):
    """The job was taken out of the engine before its pictures were done."""


class SampleFailed(Exception):
    """A sample cannot become a picture; `code` and `message` are for the record of its job."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Handle:
    """The samples of one job, shared by the engine's thread and the task's."""

    def __init__(self, orders: Sequence[Order], job_id: str = "") -> None:
        self.job_id = job_id
        self.samples = tuple(Sample(order) for order in orders)
        self._made: dict[Sample, Any] = {}
        self._error: Canceled | SampleFailed | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def has_ended(self) -> bool:
        """Whether `result` has something to say."""
        return self._ended.is_set()

    @property
    def num_steps(self) -> int:
        """Steps of all samples together."""
        return sum(sample.order.num_steps for sample in self.samples)

    @property
    def num_done(self) -> int:
        """Steps that all samples together have taken."""
        return sum(sample.num_done for sample in self.samples)

    def cancel(self) -> None:
        """Ends the job: at once for whoever waits, and before its next step in the engine."""
        self._end(Canceled())

    def ask_for_preview(self) -> None:
        """Has the engine make a preview of the first sample after its next step."""
        self.samples[0].wants_preview = True

    def take_preview(self) -> Preview | None:
        """The preview that was asked for, once."""
        first = self.samples[0]
        preview, first.preview = first.preview, None
        return preview

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for the end of the job; returns whether it has come."""
        return self._ended.wait(seconds)

    def result(self) -> list[Any]:
        """What was made of each sample, in their order. Raises Canceled and SampleFailed."""
        self._ended.wait()
        if self._error:
            raise self._error
        return [self._made[sample] for sample in self.samples]

    def finish(self, sample: Sample, made: Any) -> None:
        """The engine's: one sample is done."""
        self._made[sample] = made
        if len(self._made) == len(self.samples):
            self._end(None)

    def fail(self, error: SampleFailed) -> None:
        """The engine's: the job ends without pictures."""
        self._end(error)

    def _end(self, error: Canceled | SampleFailed | None) -> None:
        with self._lock:
            # Canceling and finishing may meet: what comes first counts.
            if not self._ended.is_set():
                self._error = error
                self._ended.set()
