"""Networks without a network: the state of a sample is the number of its steps."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from worker.engine.sample import Order, Pixels

GROUP = ("abacus", 8, 8)


def order(name: str, num_steps: int = 3, **fields: object) -> Order:
    """An order whose request is its name."""
    return Order(**{"request": name, "group": GROUP, "num_steps": num_steps, **fields})  # type: ignore[arg-type]


@dataclass
class Count:
    """The state of a sample."""

    name: str
    num_steps: int = 0


@dataclass
class Abacus:
    """Counts steps, as slowly as it is told to, and fails as it is told to."""

    #: Samples that fit into its memory at a time.
    capacity: int = 1000
    #: Names of the samples that break it, by the call that they break.
    breaks: dict[str, set[str]] = field(default_factory=dict)
    #: Names of the samples that become infinite.
    infinite: set[str] = field(default_factory=set)
    #: Steps after which a sample is done, of those that are before they were expected to be.
    early: dict[str, int] = field(default_factory=dict)
    #: Names of the samples of every call that went well, by call.
    calls: dict[str, list[list[str]]] = field(
        default_factory=lambda: {"start": [], "step": [], "decode": [], "preview": []}
    )
    #: The call that says when it begins, then waits to be let go on.
    gated: str = ""
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def start(self, requests: Sequence[str]) -> list[Count]:
        self._begin("start", requests)
        return [Count(name) for name in requests]

    def step(self, states: Sequence[Count]) -> None:
        self._begin("step", [state.name for state in states])
        for state in states:
            state.num_steps += 1

    def decode(self, states: Sequence[Count]) -> list[Pixels]:
        self._begin("decode", [state.name for state in states])
        return [np.full((1, 1, 3), state.num_steps, np.uint8) for state in states]

    def is_done(self, state: Count) -> bool:
        return state.num_steps == self.early.get(state.name)

    def preview(self, state: Count) -> Pixels:
        self._begin("preview", [state.name])
        return np.full((1, 1, 3), state.num_steps, np.uint8)

    def is_finite(self, state: Count) -> bool:
        return state.name not in self.infinite

    def await_entry(self) -> None:
        """Return once the gated call has begun."""
        assert self.entered.acquire(timeout=20)

    def open(self) -> None:
        """Let every gated call go on, from now on."""
        self.gated = ""
        self.permits.release()

    def _begin(self, call: str, names: Sequence[str]) -> None:
        if call == self.gated:
            self.entered.release()
            assert self.permits.acquire(timeout=20)
        if len(names) > self.capacity:
            raise MemoryError
        if self.breaks.get(call, set()) & set(names):
            raise ValueError(call)
        self.calls[call].append(sorted(names))
