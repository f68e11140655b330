"""The engine: one thread that owns the device and steps whatever is under way."""

import math
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import structlog

from worker import metrics
from worker.engine.handle import Handle, SampleFailed
from worker.engine.sample import Order, Pixels, Preview, Sample
from worker.engine.scheduler import RowLimits, Scheduler

Result = TypeVar("Result")
Samples = Sequence[Sample]

logger = structlog.get_logger(__name__)


class Networks(Protocol):
    """What the engine asks of the networks. A call that fails must leave the states as they were.

    Raises MemoryError when the device runs out of memory.
    """

    def start(self, requests: Sequence[Any]) -> list[Any]:
        """The states of new samples: encodes their prompts."""
        ...

    def step(self, states: Sequence[Any]) -> None:
        """Evaluates the network once for samples of one group, and takes each a step on."""
        ...

    def decode(self, states: Sequence[Any]) -> list[Any]:
        """What becomes of finished samples of one group: pictures, as a rule."""
        ...

    def preview(self, state: Any) -> Pixels | None:
        """A small picture of an unfinished sample; None for what cannot be seen."""
        ...

    def is_done(self, state: Any) -> bool:
        """Whether the sample is finished; it may be before all the steps that it was expected to take."""
        ...

    def is_finite(self, state: Any) -> bool:
        """Whether the sample holds no infinity and no NaN."""
        ...


class Engine:
    """Batches the samples of all jobs of this process, step by step, in its own thread."""

    def __init__(
        self,
        networks: Networks,
        max_rows: int,
        max_held: float = math.inf,
        on_error: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        """`max_held` is how many bytes samples may hold between two steps; what is beyond waits.

        `on_error` hears in the engine's thread of what the networks raise, before it is dealt with.
        """
        self._networks = networks
        self._max_held = max_held
        self._on_error = on_error
        #: When the work began that the networks do now, in monotonic seconds; None when they do none.
        self._busy_since: float | None = None
        self._scheduler = Scheduler(RowLimits(max_rows))
        #: The jobs of all samples under way; the thread's own.
        self._handles: dict[Sample, Handle] = {}
        self._submitted: list[Handle] = []
        #: Samples that are not encoded yet, in the order in which they came.
        self._waiting: list[Sample] = []
        self._stopping = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """Cancel what is left, and wait for so long, at most, for the step that is under way."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(seconds)

    @property
    def busy_seconds(self) -> float:
        """How long the evaluation that is under way has taken so far."""
        since = self._busy_since
        return 0 if since is None else time.monotonic() - since

    @property
    def stack(self) -> str:
        """What its thread is doing, as a traceback shows it."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else ""

    def submit(self, orders: Sequence[Order], job_id: str = "") -> Handle:
        """Takes in the samples of one job; follow it by the handle. The id is for the log."""
        handle = Handle(orders, job_id)
        with self._wake:
            if self._stopping:
                handle.cancel()
            self._submitted.append(handle)
            self._wake.notify()
        return handle

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                self._turn()
            # Nothing may stop the engine, not even a mistake of ours.
            except Exception:
                logger.exception("turn failed")
                for handle in self._handles.values():
                    handle.fail(SampleFailed("internal", "the engine failed"))
        for handle in (*self._handles.values(), *self._submitted):
            handle.cancel()

    def _turn(self) -> None:
        self._busy_since = time.monotonic()
        self._admit()
        batch = self._scheduler.choose()
        self._each(batch, self._step)
        self._preview(batch)
        self._retire(batch)

    def _wait_for_work(self) -> bool:
        self._busy_since = None
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._submitted or self._handles)
            return not self._stopping

    def _admit(self) -> None:
        """Takes in what was submitted, after letting go of jobs that have ended meanwhile."""
        with self._wake:
            handles, self._submitted = self._submitted, []
        for sample in [sample for sample in self._handles if not self._is_live(sample)]:
            self._let_go(sample)
        self._handles.update({sample: handle for handle in handles for sample in handle.samples})
        self._waiting += [sample for handle in handles for sample in handle.samples]
        new = self._take_waiting()
        self._each(new, self._encode)
        for sample in [sample for sample in new if self._is_live(sample) and not sample.num_left]:
            # There was nothing to do for it, as for a prompt that cannot be made richer.
            self._retire([sample])

    def _take_waiting(self) -> list[Sample]:
        """The waiting samples that there is memory for; one that holds much always has its turn alone."""
        held = sum(sample.order.held for sample in self._handles if sample.state is not None)
        taken: list[Sample] = []
        left: list[Sample] = []
        for sample in filter(self._is_live, self._waiting):
            fits = not sample.order.held or not held or held + sample.order.held <= self._max_held
            (taken if fits else left).append(sample)
            held += sample.order.held if fits else 0
        self._waiting = left
        return taken

    def _encode(self, samples: Samples) -> None:
        requests = [sample.order.request for sample in samples]
        states, seconds = _timed(lambda: self._networks.start(requests))
        metrics.ENCODE_SECONDS.observe(seconds)
        for sample, state in list(zip(samples, states, strict=True)):
            sample.state = state
            sample.timing.encode += seconds
            if self._networks.is_done(state):
                sample.num_done = sample.order.num_steps
            else:
                self._scheduler.add(sample)

    def _step(self, samples: Samples) -> None:
        group, rows = samples[0].order.group, sum(sample.order.rows for sample in samples)
        try:
            _, seconds = _timed(lambda: self._networks.step(_states(samples)))
        except MemoryError:
            self._scheduler.row_limits.shrink(group, rows)
            raise
        self._scheduler.row_limits.record(group, rows, seconds)
        metrics.STEP_SECONDS.observe(seconds)
        metrics.BATCH_SIZE.observe(len(samples))
        for sample in samples:
            done = self._networks.is_done(sample.state)
            sample.num_done = sample.order.num_steps if done else sample.num_done + 1
            sample.timing.denoise += seconds
            sample.timing.steps += 1
            sample.timing.company += len(samples)

    def _preview(self, samples: Samples) -> None:
        """Makes the previews that were asked for; a job is not to fail for want of one."""
        for sample in samples:
            if not (sample.wants_preview and sample.num_left and self._is_live(sample)):
                continue
            sample.wants_preview = False
            try:
                picture = self._networks.preview(sample.state)
                sample.preview = None if picture is None else Preview(sample.num_done, picture)
            except Exception as error:
                self._on_error(error)
                logger.warning("no preview", job_id=self._handles[sample].job_id, exc_info=True)

    def _retire(self, samples: Samples) -> None:
        self._each([sample for sample in samples if not sample.num_left], self._decode)

    def _decode(self, samples: Samples) -> None:
        states = _states(samples)
        if not all(self._networks.is_finite(state) for state in states):
            raise FloatingPointError
        made, seconds = _timed(lambda: self._networks.decode(states))
        metrics.DECODE_SECONDS.observe(seconds)
        for sample, result in list(zip(samples, made, strict=True)):
            sample.timing.decode += seconds
            self._handles[sample].finish(sample, result)
            self._let_go(sample)

    def _each(self, samples: Samples, work: Callable[[Samples], None]) -> None:
        """Does work on samples together; if it fails, on each half, until the guilty one is alone."""
        samples = [sample for sample in samples if self._is_live(sample)]
        if samples and not self._try(samples, work):
            middle = len(samples) // 2
            self._each(samples[:middle], work)
            self._each(samples[middle:], work)

    def _try(self, samples: Samples, work: Callable[[Samples], None]) -> bool:
        """Whether the samples are dealt with: the work is done, or has failed the only one."""
        self._busy_since = time.monotonic()
        try:
            work(samples)
        # Whatever is wrong with one request must not touch the others.
        except Exception as error:
            self._on_error(error)
            if len(samples) > 1:
                # The halves must wait until the frames of this call, and all memory that they hold, are gone.
                return False
            handle = self._handles[samples[0]]
            logger.exception("sample failed", job_id=handle.job_id, phase=work.__name__.removeprefix("_"))
            handle.fail(_reason(error))
        return True

    def _is_live(self, sample: Sample) -> bool:
        return sample in self._handles and not self._handles[sample].has_ended

    def _let_go(self, sample: Sample) -> None:
        del self._handles[sample]
        self._scheduler.discard(sample)
        sample.state = None


def _states(samples: Samples) -> list[Any]:
    return [sample.state for sample in samples]


def _reason(error: Exception) -> SampleFailed:
    if isinstance(error, MemoryError):
        return SampleFailed("internal", "the picture does not fit in the device's memory")
    if isinstance(error, FloatingPointError):
        return SampleFailed("internal", "the networks gave no finite picture")
    return SampleFailed("internal", f"{type(error).__name__} while drawing the picture")


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What the work gives, and the seconds that it took."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began
