"""The engine: one thread that owns the device and steps whatever is under way."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import structlog

from worker import metrics
from worker.engine.handle import Handle, SampleFailed
from worker.engine.sample import Networks, Order, Pixels, Sample
from worker.engine.scheduler import RowLimits, Scheduler

RequestT = TypeVar("RequestT")
StateT = TypeVar("StateT")

logger = structlog.get_logger(__name__)


class Engine(Generic[RequestT, StateT]):
    """Batches the samples of all jobs of this process, step by step, in its own thread."""

    def __init__(self, networks: Networks[RequestT, StateT], max_rows: int) -> None:
        self._networks = networks
        self._scheduler: Scheduler[RequestT, StateT] = Scheduler(RowLimits(max_rows))
        self._owners: dict[Sample[RequestT, StateT], Handle[RequestT, StateT]] = {}
        self._submitted: list[Handle[RequestT, StateT]] = []
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step that is under way; what is left fails as canceled."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def submit(self, orders: Sequence[Order[RequestT]]) -> Handle[RequestT, StateT]:
        """Takes in the samples of one job; follow it by the handle."""
        handle: Handle[RequestT, StateT] = Handle([Sample(order) for order in orders])
        with self._wake:
            self._submitted.append(handle)
            self._wake.notify()
        return handle

    def _run(self) -> None:
        while self._wait_for_work():
            self._admit()
            self._drop_canceled()
            batch = self._scheduler.choose()
            self._each(batch, self._step)
            self._retire([sample for sample in batch if sample in self._owners and not sample.num_left])
        for handle in {*self._owners.values(), *self._submitted}:
            handle.cancel()
            handle.fail(SampleFailed("canceled", "the worker stopped"))

    def _wait_for_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._submitted or self._scheduler.samples)
            return not self._stopping

    def _admit(self) -> None:
        with self._wake:
            handles, self._submitted = self._submitted, []
        samples = []
        for handle in handles:
            self._owners.update(dict.fromkeys(handle.samples, handle))
            samples.extend(handle.samples)
        self._each(samples, self._encode)
        for sample in samples:
            if sample in self._owners:
                self._scheduler.add(sample)

    def _encode(self, samples: Sequence[Sample[RequestT, StateT]]) -> None:
        with _timed(samples, "encode") as timer:
            states = self._networks.start([sample.order.request for sample in samples])
        for sample, state in zip(samples, states, strict=True):
            sample.state = state
        metrics.ENCODE_SECONDS.observe(timer())

    def _drop_canceled(self) -> None:
        for handle in {handle for handle in self._owners.values() if handle.is_canceled}:
            self._fail(handle, SampleFailed("canceled", "the job was canceled"))

    def _step(self, batch: Sequence[Sample[RequestT, StateT]]) -> None:
        group, rows = batch[0].order.group, sum(sample.order.rows for sample in batch)
        try:
            with _timed(batch, "denoise") as timer:
                self._networks.step(_states(batch))
        except MemoryError:
            self._scheduler.row_limits.shrink(group, rows)
            raise
        self._scheduler.row_limits.record(group, rows, timer())
        metrics.STEP_SECONDS.observe(timer())
        metrics.BATCH_SIZE.observe(len(batch))
        for sample in batch:
            sample.num_done += 1
            sample.timing.company += len(batch)
            if sample.wants_preview and sample.num_left:
                sample.wants_preview = False
                sample.preview = self._networks.preview(_states([sample])[0])

    def _retire(self, finished: list[Sample[RequestT, StateT]]) -> None:
        for sample in finished:
            if not self._networks.is_finite(_states([sample])[0]):
                self._fail(
                    self._owners[sample], SampleFailed("internal", "the network produced no finite picture")
                )
        self._each([sample for sample in finished if sample in self._owners], self._decode)

    def _decode(self, samples: Sequence[Sample[RequestT, StateT]]) -> None:
        with _timed(samples, "decode") as timer:
            pictures = self._networks.decode(_states(samples))
        metrics.DECODE_SECONDS.observe(timer())
        for sample, picture in zip(samples, pictures, strict=True):
            self._finish(sample, picture)

    def _finish(self, sample: Sample[RequestT, StateT], picture: Pixels) -> None:
        handle = self._owners.pop(sample)
        self._scheduler.remove(sample)
        handle.finish(sample, picture)

    def _fail(self, handle: Handle[RequestT, StateT], error: SampleFailed) -> None:
        for sample in handle.samples:
            if self._owners.pop(sample, None) and sample in self._scheduler.samples:
                self._scheduler.remove(sample)
        handle.fail(error)

    def _each(
        self,
        samples: Sequence[Sample[RequestT, StateT]],
        work: Callable[[Sequence[Sample[RequestT, StateT]]], None],
    ) -> None:
        """Does work on samples together; if that fails, on each half, until the guilty one is alone and fails."""
        samples = [sample for sample in samples if sample in self._owners]
        if not samples:
            return
        try:
            work(samples)
        # Nothing that one request contains may stop the engine.
        except Exception as error:
            if len(samples) == 1:
                logger.exception("sample failed", work=work.__name__)
                self._fail(self._owners[samples[0]], _reason(error))
                return
            middle = len(samples) // 2
            self._each(samples[:middle], work)
            self._each(samples[middle:], work)


def _states(samples: Sequence[Sample[RequestT, StateT]]) -> list[StateT]:
    return [sample.state for sample in samples if sample.state is not None]


def _reason(error: Exception) -> SampleFailed:
    if isinstance(error, MemoryError):
        return SampleFailed("internal", "the picture does not fit in the device's memory")
    return SampleFailed("internal", f"{type(error).__name__} while drawing the picture")


@contextmanager
def _timed(samples: Sequence[Sample[RequestT, StateT]], phase: str) -> Iterator[Callable[[], float]]:
    """Adds the time that the block takes to one phase of every sample's timing; yields what gives the seconds."""
    began = time.perf_counter()
    taken = 0.0
    yield lambda: taken
    taken = time.perf_counter() - began
    for sample in samples:
        setattr(sample.timing, phase, getattr(sample.timing, phase) + taken)
