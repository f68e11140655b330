"""The engine: samples share steps, and nothing that one of them does touches another or stops the engine."""

import weakref
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.polling import until
from tests.worker.engine.abacus import Abacus, Count, order
from worker.engine.engine import Engine
from worker.engine.handle import Canceled, Handle, SampleFailed
from worker.engine.scheduler import RowLimits

Start = Callable[..., Engine]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts an engine that ends with the test, and draws no conclusions from steps that take no time."""
    monkeypatch.setattr(RowLimits, "record", lambda *_: None)
    started: list[tuple[Engine, Abacus]] = []

    def start(networks: Abacus, **limits: float) -> Engine:
        engine = Engine(networks, max_rows=64, **limits)
        started.append((engine, networks))
        engine.start()
        return engine

    yield start
    for engine, networks in started:
        networks.open()
        engine.stop()


def num_steps(handle: Handle) -> list[int]:
    """How many steps the pictures of a job have seen."""
    return [int(picture[0, 0, 0]) for picture in handle.result()]


def test_a_picture_comes_after_its_steps(start: Start) -> None:
    engine = start(Abacus())
    handle = engine.submit([order("a", 1), order("b", 5)])
    assert num_steps(handle) == [1, 5]


def test_jobs_share_steps(start: Start) -> None:
    networks = Abacus(gated="step")
    engine = start(networks)
    engine.submit([order("first", 1)])
    networks.await_entry()
    handles = [engine.submit([order(name)]) for name in "abc"]
    networks.open()
    assert [num_steps(handle) for handle in handles] == [[3]] * 3
    assert networks.calls["step"] == [["first"], *[["a", "b", "c"]] * 3]
    assert networks.calls["start"][1:] == [["a", "b", "c"]]
    assert networks.calls["decode"][1:] == [["a", "b", "c"]]


def test_a_sample_joins_and_leaves_midway(start: Start) -> None:
    networks = Abacus(gated="step")
    engine = start(networks)
    long = engine.submit([order("long", 4)])
    networks.await_entry()
    short = engine.submit([order("short", 2)])
    networks.open()
    assert num_steps(long) == [4]
    assert num_steps(short) == [2]
    assert networks.calls["step"] == [["long"], *[["long", "short"]] * 2, ["long"]]


def test_a_sample_may_be_done_before_it_was_expected_to_be(start: Start) -> None:
    networks = Abacus(early={"short": 2})
    handle = start(networks).submit([order("short", 9), order("long", 4)])
    assert num_steps(handle) == [2, 4]
    assert [sample.timing.steps for sample in handle.samples] == [2, 4]
    assert handle.num_done == handle.num_steps


def test_a_sample_may_be_done_when_it_is_encoded(start: Start) -> None:
    networks = Abacus(early={"nothing": 0})
    handle = start(networks).submit([order("nothing"), order("long", 2)])
    assert num_steps(handle) == [0, 2]
    assert networks.calls["step"] == [["long"]] * 2


def test_what_would_hold_too_much_waits(start: Start) -> None:
    networks = Abacus()
    engine = start(networks, max_held=10)
    large = engine.submit([order("large", 2, held=8), order("larger", 2, held=80), order("small", 3)])
    assert num_steps(large) == [2, 2, 3]
    assert networks.calls["start"] == [["large", "small"], ["larger"]]


def test_out_of_memory_halves_the_batch_and_goes_on(start: Start) -> None:
    networks = Abacus(capacity=3)
    engine = start(networks)
    handle = engine.submit([order(str(index)) for index in range(8)])
    assert num_steps(handle) == [3] * 8
    assert all(len(names) <= 2 for names in networks.calls["step"])


def test_a_sample_that_never_fits_fails(start: Start) -> None:
    handle = start(Abacus(capacity=0)).submit([order("a")])
    with pytest.raises(SampleFailed, match="memory"):
        handle.result()


def test_a_failed_call_keeps_no_memory_while_its_halves_run(start: Start) -> None:
    class Scratch:
        """What a call needs while it runs."""

    class Hoarder(Abacus):
        last: weakref.ref[Scratch] | None = None

        def step(self, states: Sequence[Count]) -> None:
            assert self.last is None or self.last() is None
            scratch = Scratch()
            self.last = weakref.ref(scratch)
            super().step(states)

    handle = start(Hoarder(capacity=1)).submit([order(name) for name in "abcd"])
    assert num_steps(handle) == [3] * 4


@pytest.mark.parametrize("call", ["start", "step", "decode"])
def test_only_the_guilty_sample_fails(start: Start, call: str) -> None:
    networks = Abacus(gated="step", breaks={call: {"guilty"}})
    engine = start(networks)
    engine.submit([order("first", 1)])
    networks.await_entry()
    handles = {name: engine.submit([order(name)]) for name in ("a", "b", "guilty", "c")}
    networks.open()
    assert [num_steps(handles[name]) for name in "abc"] == [[3]] * 3
    with pytest.raises(SampleFailed, match="ValueError while drawing") as caught:
        handles["guilty"].result()
    assert caught.value.code == "internal"


def test_a_sample_that_is_not_finite_fails_its_own_job(start: Start) -> None:
    networks = Abacus(gated="step", infinite={"b"})
    engine = start(networks)
    a, b = engine.submit([order("a")]), engine.submit([order("b"), order("b")])
    networks.open()
    assert num_steps(a) == [3]
    with pytest.raises(SampleFailed, match="no finite picture"):
        b.result()
    assert num_steps(engine.submit([order("c")])) == [3]


def test_a_job_fails_with_its_first_sample(start: Start) -> None:
    networks = Abacus(breaks={"step": {"guilty"}})
    engine = start(networks)
    handle = engine.submit([order("guilty"), order("innocent", 10**9)])
    with pytest.raises(SampleFailed):
        handle.result()
    assert num_steps(engine.submit([order("a")])) == [3]
    assert networks.calls["step"][-1] == ["a"]


@pytest.mark.parametrize("call", ["start", "step"])
def test_a_canceled_job_takes_no_other_step(start: Start, call: str) -> None:
    networks = Abacus(gated=call)
    engine = start(networks)
    canceled = engine.submit([order("canceled")])
    networks.await_entry()
    canceled.cancel()
    with pytest.raises(Canceled):
        canceled.result()  # at once: the gate is still closed
    networks.open()
    assert num_steps(engine.submit([order("next")])) == [3]
    assert networks.calls["step"].count(["canceled"]) == (call == "step")


def test_a_job_that_is_canceled_in_time_is_not_even_encoded(start: Start) -> None:
    networks = Abacus(gated="step")
    engine = start(networks)
    first = engine.submit([order("first", 1)])
    networks.await_entry()
    engine.submit([order("canceled")]).cancel()
    networks.open()
    first.result()
    assert num_steps(engine.submit([order("next")])) == [3]
    assert networks.calls["start"] == [["first"], ["next"]]


def test_canceling_a_finished_job_leaves_its_pictures(start: Start) -> None:
    handle = start(Abacus()).submit([order("a")])
    assert handle.wait(20)
    handle.cancel()
    assert num_steps(handle) == [3]


def test_an_ended_job_leaves_nothing_on_the_device(start: Start) -> None:
    engine = start(Abacus(breaks={"decode": {"failed"}}))
    finished, failed = engine.submit([order("a")]), engine.submit([order("failed")])
    engine.submit([order("next")]).result()
    assert finished.wait(20)
    assert failed.wait(20)
    until(lambda: all(handle.samples[0].state is None for handle in (finished, failed)))


def test_stop_does_not_wait_for_a_long_step(start: Start) -> None:
    networks = Abacus(gated="step")
    engine = start(networks)
    handle = engine.submit([order("a")])
    networks.await_entry()
    engine.stop(seconds=0)
    networks.open()
    with pytest.raises(Canceled):
        handle.result()
    with pytest.raises(Canceled):
        engine.submit([order("too late")]).result()


def test_a_preview_shows_the_step_that_follows(start: Start) -> None:
    networks = Abacus(gated="step")
    handle = start(networks).submit([order("a", 9)])
    networks.await_entry()
    handle.ask_for_preview()
    networks.permits.release()
    networks.await_entry()
    preview = handle.take_preview()
    assert preview is not None
    assert (preview.step, preview.pixels[0, 0, 0]) == (1, 1)
    assert handle.take_preview() is None


def test_a_preview_that_fails_is_left_out(start: Start) -> None:
    networks = Abacus(gated="step", breaks={"preview": {"a"}})
    handle = start(networks).submit([order("a")])
    handle.ask_for_preview()
    networks.open()
    assert num_steps(handle) == [3]
    assert handle.take_preview() is None


def test_company_is_counted(start: Start) -> None:
    handle = start(Abacus()).submit([order("short", 1), order("long", 3)])
    handle.result()
    assert [sample.timing.company for sample in handle.samples] == [2, 4]


def test_a_mistake_of_the_engine_ends_jobs_but_not_the_engine(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start(Abacus())
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_preview", None)
        with pytest.raises(SampleFailed, match="the engine failed"):
            engine.submit([order("a")]).result()
    assert num_steps(engine.submit([order("b")])) == [3]


def test_it_tells_how_long_an_evaluation_takes(start: Start) -> None:
    networks = Abacus(gated="step")
    engine = start(networks)
    assert engine.busy_seconds == 0
    handle = engine.submit([order("a", 1)])
    networks.await_entry()
    until(lambda: engine.busy_seconds > 0.02)
    assert "_step" in engine.stack
    networks.open()
    handle.result()
    until(lambda: engine.busy_seconds == 0)


def test_errors_are_told_before_they_are_dealt_with() -> None:
    errors: list[Exception] = []
    engine = Engine(Abacus(breaks={"step": {"a"}}), max_rows=64, on_error=errors.append)
    engine.start()
    with pytest.raises(SampleFailed):
        engine.submit([order("a")]).result()
    engine.stop()
    assert len(errors) == 1
