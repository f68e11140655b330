"""How many rows one evaluation of a network is given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch

Item = TypeVar("Item")

#: Evaluations that succeed before more is tried again: what took the memory may be gone.
PATIENCE = 16


@dataclass
class PixelLimit:
    """As many as memory is known to suffice for; `evaluate` alone changes it."""

    #: Pixels, or latent positions, in one evaluation.
    max_pixels: int
    max_rows: int
    #: What `max_pixels` never exceeds.
    _most: int = field(init=False)
    _num_successes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._most = self.max_pixels

    def evaluate(self, num_rows: int, num_pixels: int, work: Callable[[int], None]) -> None:
        """Does work on rows of so many pixels, as many at a time as fit, halving them when memory runs out.

        The work must change nothing when it fails. Raises torch.OutOfMemoryError when one row does not fit,
        of which nothing is learnt: something else takes the memory.
        """
        before = self.max_pixels
        try:
            while not self._fits(rows := min(num_rows, self.rows(num_pixels)), work):
                self.max_pixels, self._num_successes = rows * num_pixels // 2, 0
        except torch.OutOfMemoryError:
            self.max_pixels = before
            raise
        self._grow()

    def rows(self, num_pixels: int) -> int:
        """How many rows of so many pixels are evaluated at a time."""
        return max(1, min(self.max_rows, self.max_pixels // num_pixels))

    def _grow(self) -> None:
        """Doubles the limit now and then, until it is as it was."""
        self._num_successes += 1
        if self._num_successes == PATIENCE:
            self.max_pixels, self._num_successes = min(2 * self.max_pixels, self._most), 0

    @staticmethod
    def _fits(rows: int, work: Callable[[int], None]) -> bool:
        try:
            work(rows)
        except torch.OutOfMemoryError:
            if rows == 1:
                raise
            return False
        return True


def parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in their order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
