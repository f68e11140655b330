"""Overlapping windows over a picture, and how they are averaged (Bar-Tal et al. 2023, equation 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class View(NamedTuple):
    """Where a window lies, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def of(self, picture: Tensor) -> Tensor:
        """The part of a picture (B, C, H, W) that lies in it, sharing memory."""
        return picture[:, :, self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class Windows:
    """Square windows of one size at even distances; the defaults are those of KandiSuperRes."""

    size: int = 1024
    stride: int = 800

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.size:
            raise ValueError(f"stride must be from 1 to size={self.size}, not {self.stride}")

    def cover(self, height: int, width: int) -> tuple[View, ...]:
        """Windows that cover a picture, by rows; along a side that is no longer than `size` there is one."""
        return tuple(
            View(top, min(top + self.size, height), left, min(left + self.size, width))
            for top in self._starts(height)
            for left in self._starts(width)
        )

    def _starts(self, side: int) -> list[int]:
        last = max(side - self.size, 0)
        return [*range(0, last, self.stride), last]


def cut(picture: Tensor, views: Sequence[View]) -> Tensor:
    """Shapes: picture (1, C, H, W) -> (V, C, h, w)."""
    return torch.cat([view.of(picture) for view in views])


def add(picture: Tensor, parts: Tensor, views: Sequence[View]) -> None:
    """Adds parts (V, C, h, w) to a picture (1, C, H, W), each where its window lies."""
    for part, view in zip(parts, views, strict=True):
        view.of(picture)[0].add_(part)


def coverage(picture: Tensor, views: Sequence[View]) -> Tensor:
    """How many windows each pixel lies in, (1, 1, H, W)."""
    counts = torch.zeros_like(picture[:, :1])
    for view in views:
        view.of(counts).add_(1)
    return counts
