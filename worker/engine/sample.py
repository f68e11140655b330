"""A sample, one picture in the making, as the scheduler and the engine see it."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from numpy import uint8
from numpy.typing import NDArray

#: A picture, (H, W, 3).
Pixels = NDArray[uint8]
#: Network, width and height: what samples must share to share a step.
Group = tuple[Hashable, int, int]


@dataclass(frozen=True)
class Order:
    """A picture that somebody wants, and all that scheduling needs to know of it."""

    #: What the networks are asked for; nothing to the engine.
    request: Any
    group: Group
    num_steps: int
    #: Rows of the batch that the sample takes: 2 with guidance, else 1.
    rows: int = 1
    #: Bytes that the networks hold of it between two steps, where that is much.
    held: int = 0
    #: Priority class, 0 first.
    priority: int = 0
    #: Whose it is; owners share the device equally.
    owner: str = ""


@dataclass
class Timing:
    """Where a sample's time went, in seconds, how many steps it took, and in what company."""

    encode: float = 0
    denoise: float = 0
    decode: float = 0
    #: Steps that were taken: fewer than were expected when it was done before.
    steps: int = 0
    #: Sum of the batch sizes, in samples, of all its steps.
    company: int = 0


@dataclass(frozen=True)
class Preview:
    """What a sample looked like after some of its steps."""

    step: int
    pixels: Pixels


@dataclass(eq=False)
class Sample:
    """An order on its way through the engine, whose thread alone changes it but for `wants_preview`."""

    order: Order
    #: What the networks hold of it between two steps; nothing to the engine.
    state: Any = None
    num_done: int = 0
    #: How many steps have gone to others while it was waiting.
    passed_over: int = 0
    wants_preview: bool = False
    preview: Preview | None = None
    timing: Timing = field(default_factory=Timing)

    @property
    def num_left(self) -> int:
        """Steps that are still to be taken."""
        return self.order.num_steps - self.num_done

    @property
    def work_left(self) -> int:
        """What these steps ask of the device, in pixels."""
        _, width, height = self.order.group
        return self.num_left * self.order.rows * width * height
