"""The handle of a job in the engine: how its task thread follows and cancels it."""

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

from worker.engine.sample import Pixels, Sample

RequestT = TypeVar("RequestT")
StateT = TypeVar("StateT")


class SampleFailed(Exception):
    """A job's samples ended without a picture; `code` and `message` are for the job's record."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Handle(Generic[RequestT, StateT]):
    """The samples of one job, shared by the engine's thread and the task's."""

    def __init__(self, samples: Sequence[Sample[RequestT, StateT]]) -> None:
        self.samples = tuple(samples)
        self._pictures: dict[Sample[RequestT, StateT], Pixels] = {}
        self._error: SampleFailed | None = None
        self._ended = threading.Event()
        self._canceled = threading.Event()

    @property
    def is_canceled(self) -> bool:
        """Whether somebody has called `cancel`."""
        return self._canceled.is_set()

    @property
    def num_steps(self) -> int:
        """Steps of all samples together."""
        return sum(sample.order.num_steps for sample in self.samples)

    @property
    def num_done(self) -> int:
        """Steps that all samples together have taken."""
        return sum(sample.num_done for sample in self.samples)

    def cancel(self) -> None:
        """Ends the job before its next step."""
        self._canceled.set()

    def ask_for_preview(self) -> None:
        """Has the engine make a preview of the first sample after its next step."""
        self.samples[0].wants_preview = True

    def take_preview(self) -> Pixels | None:
        """The preview that was asked for, once."""
        first = self.samples[0]
        preview, first.preview = first.preview, None
        return preview

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for the end of the job; returns whether it has come."""
        return self._ended.wait(seconds)

    def result(self) -> list[Pixels]:
        """The pictures, in the order of the samples. Raises SampleFailed."""
        self._ended.wait()
        if self._error:
            raise self._error
        return [self._pictures[sample] for sample in self.samples]

    def finish(self, sample: Sample[RequestT, StateT], picture: Pixels) -> None:
        """The engine's: one sample is done."""
        self._pictures[sample] = picture
        if len(self._pictures) == len(self.samples):
            self._ended.set()

    def fail(self, error: SampleFailed) -> None:
        """The engine's: the job ends without pictures."""
        self._error = error
        self._ended.set()
