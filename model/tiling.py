"""Overlapping windows over a picture, and how what is made of them is put together again."""

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

    @property
    def area(self) -> int:
        return self.height * self.width

    def of(self, picture: Tensor) -> Tensor:
        """The part of a picture (B, C, H, W) that lies in it, sharing memory."""
        return picture[:, :, self.top : self.bottom, self.left : self.right]

    def scaled(self, factor: int) -> "View":
        """The same part of the picture when a pixel is `factor` pixels wide."""
        return View(*(factor * edge for edge in self))


@dataclass(frozen=True)
class Windows:
    """Square windows of one size at even distances; the defaults are those of KandiSuperRes.

    The last of a row or column is shifted back, so none is smaller than the others.
    """

    size: int = 1024
    stride: int = 800
    #: Width of the ramp by which a window fades into its neighbours; at 0 overlapping windows count alike.
    ramp: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.size:
            raise ValueError(f"stride must be from 1 to size={self.size}, not {self.stride}")
        if not 0 <= self.ramp <= self.size - self.stride:
            raise ValueError(
                f"ramp must be from 0 to size - stride={self.size - self.stride}, not {self.ramp}"
            )

    def cover(self, height: int, width: int) -> tuple[View, ...]:
        """Windows that cover a picture, by rows; along a side that is no longer than `size` there is one."""
        return tuple(
            View(top, min(top + self.size, height), left, min(left + self.size, width))
            for top in self._starts(height)
            for left in self._starts(width)
        )

    def scaled(self, factor: int) -> "Windows":
        """The same windows when a pixel is `factor` pixels wide."""
        return Windows(factor * self.size, factor * self.stride, factor * self.ramp)

    def weights(self, start: int, side: int) -> Tensor:
        """What each place of a window counts along a side of the picture, (n,), at most 1.

        In an overlap of the ramp's width two windows sum to 1 (the linear blend of the published tiling).
        """
        length = min(self.size, side)
        places = torch.arange(length, dtype=torch.float32)
        weights = torch.ones(length)
        if self.ramp and start > 0:
            weights = (places / self.ramp).clamp(max=1)
        if self.ramp and start + length < side:
            weights = torch.minimum(weights, (length - places) / self.ramp)
        return weights

    def total_weights(self, side: int) -> Tensor:
        """What all windows count together along a side, (side,)."""
        total = torch.zeros(side)
        for start in self._starts(side):
            total[start : start + self.size] += self.weights(start, side)
        return total

    def _starts(self, side: int) -> list[int]:
        last = max(side - self.size, 0)
        return [*range(0, last, self.stride), last]


class Mosaic:
    """The mean of overlapping parts, each weighted as its window says; no part is kept.

    With equal weights it is what MultiDiffusion minimises (Bar-Tal et al. 2023, equation 5).
    """

    def __init__(self, windows: Windows, shape: Sequence[int], device: torch.device) -> None:
        """Shape: that of the whole picture, (1, C, H, W)."""
        self._windows = windows
        self._total = torch.zeros(tuple(shape), device=device)

    def add(self, part: Tensor, view: View) -> None:
        """Adds what is made of one window, (C, h, w)."""
        place = view.of(self._total)[0]
        if not self._windows.ramp:
            place.add_(part)
            return
        height, width = self._total.shape[2:]
        rows = self._windows.weights(view.top, height).to(part.device)
        columns = self._windows.weights(view.left, width).to(part.device)
        place.add_(part * rows[:, None] * columns)

    def finish(self) -> Tensor:
        """The picture (1, C, H, W) once all windows are added; the mosaic is then used up."""
        height, width = self._total.shape[2:]
        rows, columns = (self._windows.total_weights(side).to(self._total.device) for side in (height, width))
        return self._total.div_(rows[:, None]).div_(columns)
