"""How many rows one evaluation of a network is given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

Item = TypeVar("Item")


@dataclass
class RowLimit:
    """As many as memory is known to suffice for; `evaluate` alone changes it."""

    #: Pixels, or latent positions, in one evaluation.
    max_pixels: int
    max_rows: int

    def evaluate(self, num_rows: int, num_pixels: int, work: Callable[[int], None]) -> None:
        """Does work on rows of so many pixels, as many at a time as fit, halving them when memory runs out.

        The work must change nothing when it fails. Raises torch.OutOfMemoryError when one row does not fit.
        """
        while not self._fits(rows := min(num_rows, self.rows(num_pixels)), work):
            self.max_pixels = rows * num_pixels // 2

    def rows(self, num_pixels: int) -> int:
        """How many rows of so many pixels are evaluated at a time."""
        return max(1, min(self.max_rows, self.max_pixels // num_pixels))

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
