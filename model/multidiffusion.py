"""Pictures made larger by windows (Bar-Tal et al. 2023): many, each at its own step, in one evaluation.

The published sampler advances every window by itself, keeps what each step predicted for each of them, and
averages the advanced windows. A solver's step is linear, with the same coefficients for all windows, so it is
the same to average the predictions and to advance the whole picture: what is kept is then as large as the
picture, and all else as large as the windows of one evaluation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from model.dpm_solver import SolverStep, solver_steps
from model.resizing import resize_part
from model.rows import parts
from model.schedule import FLASH_TIMESTEPS, linear_alphas
from model.tiling import Mosaic, View, Windows

#: Windows in one evaluation of the network, as published.
MAX_ROWS = 15
#: Longest side of a preview.
PREVIEW_SIDE = 256
#: Windows as published, but that they fade into one another; counting alike they leave seams.
WINDOWS = Windows(ramp=224)

UpscalingSampler = Literal["dpmsolver++", "flash"]


class Network(Protocol):
    """Predicts large pictures from noisy ones, timesteps (B,) and the small ones, as `SuperResUNet`."""

    def __call__(self, x: Tensor, timesteps: Tensor, lowres: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class Plan:
    """How noise becomes a picture."""

    steps: tuple[SolverStep, ...]
    windows: Windows
    #: Weights of the first two draws of noise in what the first step sees.
    start: tuple[float, float] = (1.0, 0.0)


@cache
def plan(sampler: UpscalingSampler, num_steps: int) -> Plan:
    """The plan of a sampler in `num_steps` steps; Flash always takes its four.

    Each step of Flash keeps the predicted picture, and draws all noise anew. The published one has no
    windows, and its memory grows with the picture; up to the size of one window this is the same.

    Raises ValueError for a number of steps that the schedule does not have.
    """
    if sampler == "dpmsolver++":
        return Plan(solver_steps(num_steps), WINDOWS)
    first, *following = linear_alphas()[list(FLASH_TIMESTEPS)].tolist()
    steps = (
        SolverStep(timestep, noisy=0.0, predicted=math.sqrt(alpha), previous=0.0, noise=math.sqrt(1 - alpha))
        for timestep, alpha in zip(FLASH_TIMESTEPS, [*following, 1.0], strict=True)
    )
    return Plan(tuple(steps), WINDOWS, (math.sqrt(first), math.sqrt(1 - first)))


@dataclass
class Upscaling:
    """One picture being made larger. `step` alone changes it."""

    plan: Plan
    #: The windows, by rows.
    views: tuple[View, ...]
    #: The small picture, (1, 3, h, w) in [-1, 1], of the network's dtype.
    lowres: Tensor
    #: The noise of a draw by its number, (1, 3, H, W) fp32, on the CPU.
    draw: Callable[[int], Tensor]
    #: Height and width of the picture that was asked for, from the top left of the noisy one.
    size: tuple[int, ...]
    #: What the step before predicted, (1, 3, H, W) fp32, where the next one needs it.
    predicted: Tensor | None = None
    #: The same in small, (1, 3, h, w).
    preview: Tensor | None = None
    num_done: int = 0
    _noisy: Tensor | None = None

    @classmethod
    def start(
        cls,
        lowres: Tensor,
        plan: Plan,
        draw: Callable[[int], Tensor],
        size: tuple[int, ...],
        padded: tuple[int, ...] = (),
    ) -> Self:
        """Shapes: lowres (1, 3, h, w) in [-1, 1] and of the network's dtype, draws (1, 3, H, W) fp32.

        H and W are those of `padded`, if it is given, or else of `size`.
        """
        return cls(plan, plan.windows.cover(*(padded or size)), lowres, draw, size)

    @property
    def noisy(self) -> Tensor:
        """Noisy picture before the next step, (1, 3, H, W) fp32, for the first drawn when asked for."""
        if self._noisy is None:
            first, second = self.plan.start
            noise = self.draw(0).mul(first)
            if second:
                noise.add_(self.draw(1), alpha=second)
            self._noisy = noise.to(self.lowres.device)
        return self._noisy

    @noisy.setter
    def noisy(self, noisy: Tensor) -> None:
        self._noisy = noisy

    @property
    def steps(self) -> tuple[SolverStep, ...]:
        """All steps of its plan."""
        return self.plan.steps

    @property
    def preview_size(self) -> tuple[int, int]:
        """Height and width of a preview."""
        ratio = max(*self.size, PREVIEW_SIDE) / PREVIEW_SIDE
        height, width = (max(1, round(side / ratio)) for side in self.size)
        return height, width

    @property
    def is_done(self) -> bool:
        return self.num_done == len(self.steps)

    @property
    def is_finite(self) -> bool:
        """False when the network has produced infinities or NaN."""
        low, high = self.noisy.aminmax()
        return bool((high - low).isfinite())

    def seen(self, view: View) -> tuple[Tensor, Tensor, Tensor]:
        """What the network is to see of a window: noisy, timestep and small picture."""
        timesteps = self.noisy.new_tensor([self.steps[self.num_done].timestep])
        lowres = resize_part(self.lowres, self.noisy.shape[2:], view)
        return view.of(self.noisy).to(self.lowres.dtype), timesteps, lowres.to(self.lowres.dtype)

    def mosaic(self) -> Mosaic:
        """What the windows are to be put together in."""
        return Mosaic(self.plan.windows, self.noisy.shape, self.noisy.device)

    def advance(self, predicted: Tensor) -> Tensor:
        """The noisy picture after the next step, from what is predicted for all of it."""
        step = self.steps[self.num_done]
        advanced = step.advance(self.noisy, predicted, self.predicted)
        if step.noise:
            advanced.add_(self.draw(self.num_done + 2).to(advanced.device), alpha=step.noise)
        return advanced

    def shrink(self, picture: Tensor) -> Tensor:
        """The part of a noisy picture, or of another of its size, that was asked for, as a small preview."""
        height, width = self.size
        return F.interpolate(picture[:, :, :height, :width], self.preview_size, mode="area")

    def accept(self, noisy: Tensor, predicted: Tensor, preview: Tensor) -> None:
        """Goes on to the next step."""
        self.num_done += 1
        is_needed = not self.is_done and self.steps[self.num_done].previous
        self.noisy, self.preview, self.predicted = noisy, preview, predicted if is_needed else None


def step(network: Network, batch: Sequence[Upscaling], max_rows: int = MAX_ROWS) -> None:
    """Takes every window of every picture one step on, `max_rows` windows at a time, all of one shape."""
    mosaics = [upscaling.mosaic() for upscaling in batch]
    rows = [(i, view) for i, upscaling in enumerate(batch) for view in upscaling.views]
    for part in parts(rows, max_rows):
        seen = zip(*(batch[i].seen(view) for i, view in part), strict=True)
        predictions = network(*(torch.cat(tensors) for tensors in seen)).float()
        for (i, view), prediction in zip(part, predictions, strict=True):
            mosaics[i].add(prediction, view)
    predicted = [mosaic.finish() for mosaic in mosaics]
    # Should memory run out on the way, every picture is still where it was.
    noisy = [upscaling.advance(picture) for upscaling, picture in zip(batch, predicted, strict=True)]
    previews = [upscaling.shrink(picture) for upscaling, picture in zip(batch, predicted, strict=True)]
    for i, upscaling in enumerate(batch):
        upscaling.accept(noisy[i], predicted[i], previews[i])
