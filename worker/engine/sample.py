"""A sample, one picture in the making, as the scheduler and the engine see it."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from numpy import uint8
from numpy.typing import NDArray

RequestT = TypeVar("RequestT")
StateT = TypeVar("StateT")
RequestIn = TypeVar("RequestIn", contravariant=True)
StateIO = TypeVar("StateIO")

Pixels = NDArray[uint8]
#: Network, width and height: what samples must share to share a step.
Group = tuple[Hashable, int, int]


class Networks(Protocol[RequestIn, StateIO]):
    """What the engine asks of the networks; a call that fails must leave the states as they were.

    A device that runs out of memory raises MemoryError.
    """

    def start(self, requests: Sequence[RequestIn]) -> list[StateIO]:
        """Encode the prompts of new samples."""
        ...

    def step(self, states: Sequence[StateIO]) -> None:
        """Evaluate the network once for samples of one group, and take each a step on."""
        ...

    def decode(self, states: Sequence[StateIO]) -> list[Pixels]:
        """Turn finished samples of one group into pictures (H, W, 3)."""
        ...

    def preview(self, state: StateIO) -> Pixels:
        """A small picture of an unfinished sample."""
        ...

    def is_finite(self, state: StateIO) -> bool:
        """Whether the sample holds no infinity and no NaN."""
        ...


@dataclass(frozen=True)
class Order(Generic[RequestT]):
    """A picture that somebody wants, and all that scheduling needs to know of it."""

    request: RequestT
    group: Group
    num_steps: int
    #: Rows of the batch that the sample takes: 2 with guidance, else 1.
    rows: int = 1
    #: Priority class, 0 first.
    priority: int = 0
    #: Whose it is; owners share the device equally.
    owner: str = ""


@dataclass
class Timing:
    """Where a sample's time went, in seconds, and in what company its steps were."""

    encode: float = 0
    denoise: float = 0
    decode: float = 0
    #: Sum of the batch sizes, in samples, of all its steps.
    company: int = 0


@dataclass(eq=False)
class Sample(Generic[RequestT, StateT]):
    """An order on its way through the engine."""

    order: Order[RequestT]
    state: StateT | None = None
    num_done: int = 0
    #: How often it was passed over since its last step.
    passed_over: int = 0
    wants_preview: bool = False
    preview: Pixels | None = None
    timing: Timing = field(default_factory=Timing)

    @property
    def num_left(self) -> int:
        """Steps that are still to be taken."""
        return self.order.num_steps - self.num_done
