"""Pictures made larger by windows (Bar-Tal et al. 2023): many, each at its own step, in one evaluation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, Protocol, Self

import torch
from torch import Tensor

from model.dpm_solver import SolverStep, solver_steps
from model.schedule import FLASH_TIMESTEPS, linear_alphas
from model.superres import upsample
from model.tiling import View, Windows, add, coverage, cut

#: Windows in one evaluation of the network, as published.
MAX_ROWS = 15
#: Windows as published.
WINDOWS = Windows()
#: One window, whatever the size of the picture.
WHOLE = Windows(2**31, 2**31)

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
    """The plan of a sampler in `num_steps` steps; Flash always takes its four, and sees all at once.

    Each step of Flash keeps the predicted picture, and draws all noise anew.

    Raises ValueError for a number of steps that the schedule does not have.
    """
    if sampler == "dpmsolver++":
        return Plan(solver_steps(num_steps), WINDOWS)
    first, *following = linear_alphas()[list(FLASH_TIMESTEPS)].tolist()
    steps = (
        SolverStep(timestep, noisy=0.0, predicted=math.sqrt(alpha), previous=0.0, noise=math.sqrt(1 - alpha))
        for timestep, alpha in zip(FLASH_TIMESTEPS, [*following, 1.0], strict=True)
    )
    return Plan(tuple(steps), WHOLE, (math.sqrt(first), math.sqrt(1 - first)))


@dataclass
class Upscaling:
    """One picture being made larger. `step` alone changes it."""

    steps: tuple[SolverStep, ...]
    views: tuple[View, ...]
    #: The small picture at the large one's size, (1, 3, H, W) in [-1, 1], of the network's dtype.
    lowres: Tensor
    #: Noisy picture before the next step, the same shape in fp32.
    noisy: Tensor
    #: The noise of a draw by its number, the same shape, on the CPU.
    draw: Callable[[int], Tensor]
    #: Height and width of the picture that was asked for.
    size: tuple[int, ...]
    #: What the step before predicted for each window, (V, 3, h, w).
    predicted: Tensor | None = None
    num_done: int = 0

    @classmethod
    def start(cls, lowres: Tensor, plan: Plan, draw: Callable[[int], Tensor], size: tuple[int, ...]) -> Self:
        """Shapes: lowres (1, 3, h, w) in [-1, 1] and of the network's dtype, draws (1, 3, H, W) fp32."""
        first, second = plan.start
        noise = first * draw(0)
        if second:
            noise = noise + second * draw(1)
        views = plan.windows.cover(*noise.shape[2:])
        enlarged = upsample(lowres, noise.shape[2:])
        return cls(plan.steps, views, enlarged, noise.to(lowres.device), draw, size)

    @property
    def is_done(self) -> bool:
        return self.num_done == len(self.steps)

    @property
    def is_finite(self) -> bool:
        """False when the network has produced infinities or NaN."""
        return bool(self.noisy.isfinite().all())

    @cached_property
    def coverage(self) -> Tensor:
        """How many windows each pixel lies in, (1, 1, H, W)."""
        return coverage(self.noisy, self.views)

    def seen(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the network is to see of every window: noisy, timesteps and small picture."""
        timesteps = self.noisy.new_full((len(self.views),), self.steps[self.num_done].timestep)
        return cut(self.noisy, self.views).to(self.lowres.dtype), timesteps, cut(self.lowres, self.views)

    def advance(self, predicted: Tensor) -> Tensor:
        """The noisy picture after the next step, from what is predicted for every window."""
        step = self.steps[self.num_done]
        advanced = self.join(step.advance(cut(self.noisy, self.views), predicted, self.predicted))
        if not step.noise:
            return advanced
        return advanced + step.noise * self.draw(self.num_done + 2).to(advanced.device)

    def join(self, parts: Tensor) -> Tensor:
        """The windows as one picture, averaged where they overlap."""
        total = torch.zeros_like(self.noisy)
        add(total, parts, self.views)
        return total / self.coverage


def step(network: Network, batch: Sequence[Upscaling], max_rows: int = MAX_ROWS) -> None:
    """Takes every window of every picture one step on, `max_rows` windows at a time, all of one shape."""
    seen = [torch.cat(parts) for parts in zip(*(upscaling.seen() for upscaling in batch), strict=True)]
    rows = zip(*(part.split(max_rows) for part in seen), strict=True)
    predicted = torch.cat([network(*row).float() for row in rows])
    windows = predicted.split([len(upscaling.views) for upscaling in batch])
    # Should memory run out on the way, every picture is still where it was.
    noisy = [upscaling.advance(part) for upscaling, part in zip(batch, windows, strict=True)]
    for i, upscaling in enumerate(batch):
        upscaling.noisy, upscaling.predicted = noisy[i], windows[i]
        upscaling.num_done += 1
