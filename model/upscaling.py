"""The samplers of KandiSuperRes: MultiDiffusion with DPM-Solver++ (x2, x4), and four steps of Flash (x2)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from model.dpm_solver import SolverStep, solver_steps
from model.schedule import FLASH_TIMESTEPS, draw_noise, linear_alphas
from model.superres import upsample
from model.tiling import View, Windows, add, coverage, cut

#: Sides of the picture that the network sees are multiples of this.
MULTIPLE = 8
#: Sides of the small picture that Flash sees are multiples of this.
FLASH_MULTIPLE = 32
FLASH_SCALE = 2
#: Windows as published.
WINDOWS = Windows()
#: Windows in one evaluation of the network.
MAX_ROWS = 15


class Network(Protocol):
    """Predicts a large picture from a noisy one, timesteps (B,) and the small one, as `SuperResUNet`."""

    def __call__(self, x: Tensor, timesteps: Tensor, lowres: Tensor, /) -> Tensor: ...


@dataclass
class Upscaling:
    """One picture being enlarged by MultiDiffusion (Bar-Tal et al. 2023). `step` alone changes it."""

    steps: tuple[SolverStep, ...]
    #: Windows, by the batches in which the network sees them.
    batches: tuple[tuple[View, ...], ...]
    #: The small picture at the large one's size, (1, 3, H, W) in [-1, 1], of the network's dtype.
    lowres: Tensor
    #: Noisy picture before the next step, the same shape in fp32.
    noisy: Tensor
    #: What the step before predicted for each batch of windows.
    previous: list[Tensor | None]
    num_done: int = 0

    @classmethod
    def start(cls, lowres: Tensor, noise: Tensor, num_steps: int = 5, windows: Windows = WINDOWS) -> Self:
        """Shapes: lowres (1, 3, h, w) in [-1, 1] and of the network's dtype, noise (1, 3, H, W) fp32."""
        views = windows.cover(*noise.shape[2:])
        batches = tuple(views[i : i + MAX_ROWS] for i in range(0, len(views), MAX_ROWS))
        enlarged = upsample(lowres, noise.shape[2:])
        return cls(solver_steps(num_steps), batches, enlarged, noise, previous=[None] * len(batches))

    @property
    def is_done(self) -> bool:
        return self.num_done == len(self.steps)

    def step(self, network: Network) -> None:
        """Takes every window one step on, and averages them where they overlap."""
        step = self.steps[self.num_done]
        total = torch.zeros_like(self.noisy)
        for i, views in enumerate(self.batches):
            noisy, lowres = cut(self.noisy, views), cut(self.lowres, views)
            timesteps = noisy.new_full((len(views),), step.timestep)
            predicted = network(noisy.to(lowres.dtype), timesteps, lowres).float()
            add(total, step.advance(noisy, predicted, self.previous[i]), views)
            self.previous[i] = predicted
        self.noisy = total / coverage(total, [view for views in self.batches for view in views])
        self.num_done += 1


@torch.inference_mode()
def upscale(network: Network, lowres: Tensor, scale: int, seed: int, num_steps: int = 5) -> Tensor:
    """Enlarges a picture of any size by 2 or 4, with the network that was trained for it.

    Shapes: lowres (1, 3, h, w) in [-1, 1], of the network's dtype -> (1, 3, scale h, scale w) fp32.
    """
    height, width = lowres.shape[2:]
    shape = (1, 3, padded_side(height, scale), padded_side(width, scale))
    upscaling = Upscaling.start(lowres, draw_noise(seed, 0, 0, shape).to(lowres.device), num_steps)
    while not upscaling.is_done:
        upscaling.step(network)
    return fit(upscaling.noisy, scale * height, scale * width)


@torch.inference_mode()
def upscale_flash(network: Network, lowres: Tensor, seed: int) -> Tensor:
    """Enlarges a picture by 2 in four steps, all of it at once.

    Shapes: lowres (1, 3, h, w) in [-1, 1], of the network's dtype -> (1, 3, 2 h, 2 w) fp32.
    """
    height, width = lowres.shape[2:]
    small = [max(side // FLASH_MULTIPLE, 1) * FLASH_MULTIPLE for side in (height, width)]
    if small != [height, width]:
        lowres = F.interpolate(lowres, small, mode="bicubic", antialias=True).clamp(-1, 1)
    shape = (1, 3, *(FLASH_SCALE * side for side in small))
    noises = (draw_noise(seed, 0, draw, shape).to(lowres.device) for draw in range(len(FLASH_TIMESTEPS) + 1))
    return fit(sample_flash(network, lowres, noises), FLASH_SCALE * height, FLASH_SCALE * width)


def sample_flash(network: Network, lowres: Tensor, noises: Iterable[Tensor]) -> Tensor:
    """The four steps; `noises` are five draws (1, 3, H, W), the first of which is where they start."""
    picture, *fresh = noises
    for timestep, noise in zip(FLASH_TIMESTEPS, fresh, strict=True):
        alpha = linear_alphas()[timestep].item()
        noisy = math.sqrt(alpha) * picture + math.sqrt(1 - alpha) * noise
        picture = network(noisy.to(lowres.dtype), noise.new_full((len(noise),), timestep), lowres).float()
    return picture


def padded_side(side: int, scale: int, window: int = WINDOWS.size) -> int:
    """Side of the picture that is sampled: even sides scaled, as published.

    Where a single window covers it, it is what the network sees, and so a multiple of 8.
    """
    padded = (side + side % 2) * scale
    return padded if padded > window else math.ceil(padded / MULTIPLE) * MULTIPLE


def fit(picture: Tensor, height: int, width: int) -> Tensor:
    """Clips a sampled picture, and brings it to the size that was asked for."""
    clipped = picture.clamp(-1, 1)
    if clipped.shape[2:] == (height, width):
        return clipped
    return F.interpolate(clipped, (height, width), mode="bilinear", align_corners=True)
