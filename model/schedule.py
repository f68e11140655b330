"""Noise schedule and samplers of Kandinsky 3.0, 3.1 Flash and of the diffusers pipeline, as one update rule.

Every sampler here is DDIM's update (Song et al. 2020, equation 12) over its own timesteps; they differ in
these, in how much noise a step puts back, and in how the predicted picture is bounded. So samples
of different samplers and lengths can be stepped together: `Steps` holds one row of coefficients for each.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

import torch
from torch import Tensor

#: Length of the training schedule.
NUM_TRAIN_TIMESTEPS = 1000
#: Fixed timesteps of Kandinsky 3.1 Flash.
FLASH_TIMESTEPS = (979, 729, 479, 229)

Sampler = Literal["ddpm", "kandinsky", "flash"]


@cache
def cosine_betas() -> Tensor:
    """The squared-cosine schedule (Nichol and Dhariwal 2021, equation 17), (1000,) fp32."""

    def alpha_bar(u: float) -> float:
        return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    total = NUM_TRAIN_TIMESTEPS
    return torch.tensor(
        [min(1 - alpha_bar((i + 1) / total) / alpha_bar(i / total), 0.999) for i in range(total)]
    )


@cache
def linear_betas() -> Tensor:
    """The linear schedule of super-resolution (Ho et al. 2020, section 4), (1000,) fp32."""
    return torch.linspace(1e-4, 0.02, NUM_TRAIN_TIMESTEPS)


@cache
def cosine_alphas() -> Tensor:
    """Cumulative products of 1 - beta, (1000,) fp32: the share of the picture left at each timestep."""
    return torch.cumprod(1 - cosine_betas(), dim=0)


@cache
def linear_alphas() -> Tensor:
    """Cumulative products of 1 - beta in super-resolution, (1000,) fp32."""
    return torch.cumprod(1 - linear_betas(), dim=0)


@dataclass(frozen=True)
class Trajectory:
    """One sampler's whole path from noise to picture, a row of coefficients for each of its N steps."""

    #: (N, 8) fp32, columns as `Steps` names them.
    table: Tensor
    #: Whether the first noise is mixed with a second draw before the first step.
    renoises_start: bool = False

    def __len__(self) -> int:
        return len(self.table)

    def tail(self, num_steps: int) -> "Trajectory":
        """The last steps only, for a sample that starts from a picture."""
        return Trajectory(self.table[len(self) - num_steps :], self.renoises_start)

    def add_noise(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Noises a latent to the level of the first step."""
        first = Steps(self.table[:1])
        return first.signal * latent + first.spread * noise

    def start(self, first: Tensor, second: Tensor) -> Tensor:
        """The latent before the first step, from two draws of noise."""
        return self.add_noise(first, second) if self.renoises_start else first


@dataclass(frozen=True)
class Steps:
    """The next step of each sample of a batch, possibly of different trajectories."""

    #: Column that holds `sigma`.
    SIGMA: ClassVar[int] = 5

    #: Rows of trajectory tables, (B, 8).
    table: Tensor

    @property
    def timesteps(self) -> Tensor:
        """What the network is told, (B,)."""
        return self.table[:, 0]

    @property
    def signal(self) -> Tensor:
        """Weight of the picture before the step, (B, 1, 1, 1)."""
        return self._column(1)

    @property
    def spread(self) -> Tensor:
        """Weight of the noise before the step."""
        return self._column(2)

    @property
    def next_signal(self) -> Tensor:
        """Weight of the predicted picture after the step."""
        return self._column(3)

    @property
    def direction(self) -> Tensor:
        """Weight of the predicted noise after the step."""
        return self._column(4)

    @property
    def sigma(self) -> Tensor:
        """Standard deviation of the new noise that the step adds."""
        return self._column(self.SIGMA)

    def limit(self, picture: Tensor) -> Tensor:
        """Bound of the predicted picture, (B, 1, 1, 1): 1, the dynamic threshold, or infinity."""
        percentile, bounded = self._column(6), self._column(7) > 0
        limit = torch.ones_like(self.signal)
        if percentile.any():
            threshold = _quantile(picture.abs(), self.table[:, 6]).clamp(min=1)
            limit = torch.where(percentile > 0, threshold, limit)
        return torch.where(bounded, limit, torch.inf)

    def _column(self, index: int) -> Tensor:
        return self.table[:, index, None, None, None]

    def advance(self, latent: Tensor, predicted_noise: Tensor, noise: Tensor) -> Tensor:
        """Takes every sample one step on.

        Shapes: all (B, C, h, w) fp32; `noise` is fresh, standard normal, drawn for each sample.
        """
        picture = (latent - self.spread * predicted_noise) / self.signal
        limit = self.limit(picture)
        picture = picture.clamp(-limit, limit) / torch.where(limit.isinf(), 1.0, limit)
        direction = (latent - self.signal * picture) / self.spread
        return self.next_signal * picture + self.direction * direction + self.sigma * noise


@cache
def trajectory(sampler: Sampler, num_steps: int, percentile: float = 0.99, eta: float = 1.0) -> Trajectory:
    """The path of a sampler in `num_steps` steps; Flash always takes its four.

    `ddpm` is the diffusers pipeline's: it clips the predicted picture to [-1, 1] and ends at alpha 1.
    `kandinsky` is the original repository's: it thresholds dynamically (Saharia et al. 2022, section 2.3) at
    `percentile`, ends at the schedule's first alpha, and has `eta` inside the square root. `flash` (Kandinsky
    3.0 Technical Report, section 5.1) draws all noise anew at each step and bounds nothing.

    Raises ValueError for a number of steps that the schedule cannot be divided into.
    """
    if not 1 <= num_steps < NUM_TRAIN_TIMESTEPS:
        raise ValueError(f"num_steps must be from 1 to {NUM_TRAIN_TIMESTEPS - 1}, not {num_steps}")
    if sampler == "ddpm":
        return _ddim(_leading_timesteps(num_steps), torch.tensor(1.0), 0.0, 1.0)
    if sampler == "kandinsky":
        return _ddim(_trailing_timesteps(num_steps), cosine_alphas()[0], percentile, eta)
    return _flash(list(FLASH_TIMESTEPS))


def _leading_timesteps(num_steps: int) -> list[int]:
    stride = NUM_TRAIN_TIMESTEPS // num_steps
    return [i * stride + 1 for i in reversed(range(num_steps))]


def _trailing_timesteps(num_steps: int) -> list[int]:
    return list(range(NUM_TRAIN_TIMESTEPS - 1, 0, -NUM_TRAIN_TIMESTEPS // num_steps))


def _ddim(timesteps: list[int], last_alpha: Tensor, percentile: float, eta: float) -> Trajectory:
    alphas = cosine_alphas()[timesteps]
    next_alphas = torch.cat([alphas[1:], last_alpha[None]])
    sigmas = _sqrt(eta * (1 - alphas / next_alphas) * (1 - next_alphas) / (1 - alphas))
    directions = _sqrt((1 - next_alphas - sigmas**2).clamp(min=0))  # rounding may leave less than 0
    sigmas[-1] = 0  # the last step adds no noise, though its direction allows for it
    weights = (_sqrt(alphas), _sqrt(1 - alphas), _sqrt(next_alphas), directions, sigmas)
    return Trajectory(_table(timesteps, *weights, percentile, bounded=True))


def _flash(timesteps: list[int]) -> Trajectory:
    alphas = cosine_alphas()[timesteps]
    next_alphas = torch.cat([alphas[1:], torch.ones(1)])
    directions = torch.zeros_like(alphas)
    weights = (_sqrt(alphas), _sqrt(1 - alphas), _sqrt(next_alphas), directions, _sqrt(1 - next_alphas))
    return Trajectory(_table(timesteps, *weights, 0.0, bounded=False), renoises_start=True)


def _sqrt(values: Tensor) -> Tensor:
    """Square roots as IEEE 754 rounds them; torch's own in fp32 err in the last bit on some processors."""
    return values.double().sqrt().to(values.dtype)


def _table(timesteps: list[int], *columns: Tensor | float, bounded: bool) -> Tensor:
    times = torch.tensor(timesteps, dtype=torch.float32)
    return torch.stack(
        [times, *(torch.as_tensor(column).expand_as(times) for column in (*columns, float(bounded)))], dim=1
    )


def _quantile(values: Tensor, fraction: Tensor) -> Tensor:
    """Linearly interpolated quantile of each row; `torch.quantile` takes one fraction for all rows."""
    ordered = values.flatten(1).sort(dim=1).values
    position = fraction * (ordered.shape[1] - 1)
    below = position.floor()
    low = ordered.gather(1, below.long()[:, None])
    high = ordered.gather(1, position.ceil().long()[:, None])
    return torch.lerp(low, high, (position - below)[:, None])[:, :, None, None]


def guide(conditional: Tensor, unconditional: Tensor, scale: Tensor) -> Tensor:
    """Classifier-free guidance as both published pipelines compute it: (w + 1) c - w u."""
    return (scale + 1) * conditional - scale * unconditional


def draw_noise(seed: int, index: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise that depends on nothing but (seed, picture index, step), fp32 on the CPU.

    Steps 0 and 1 are the draws before the first step; step k + 1 follows the k-th step.
    """
    key = hashlib.blake2b(f"{seed}:{index}:{step}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(key, "little") >> 1)
    return torch.randn(shape, generator=generator)
