"""DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) over the linear schedule, for prediction of the picture."""

import math
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from model.schedule import NUM_TRAIN_TIMESTEPS, linear_alphas


@dataclass(frozen=True)
class SolverStep:
    """One step, as weights of all that it adds up."""

    timestep: int
    #: Weight of the noisy picture.
    noisy: float
    #: Weight of the predicted picture.
    predicted: float
    #: Weight of what the step before predicted; 0 for the steps of first order, the first and the last.
    previous: float
    #: Weight of fresh noise; this solver adds none.
    noise: float = 0.0

    def advance(self, noisy: Tensor, predicted: Tensor, previous: Tensor | None) -> Tensor:
        """The picture at the next level of noise, before fresh noise; all tensors have one shape."""
        advanced = noisy.mul(self.noisy).add_(predicted, alpha=self.predicted)
        return (
            advanced
            if previous is None or not self.previous
            else advanced.add_(previous, alpha=self.previous)
        )


@cache
def solver_steps(num_steps: int) -> tuple[SolverStep, ...]:
    """The path from noise to a clean picture, its timesteps at even distances from the noisiest on."""
    if not 1 <= num_steps < NUM_TRAIN_TIMESTEPS:
        raise ValueError(f"num_steps must be from 1 to {NUM_TRAIN_TIMESTEPS - 1}, not {num_steps}")
    spacing = (NUM_TRAIN_TIMESTEPS - 1) / num_steps
    timesteps = [round(spacing * i) for i in range(num_steps, 0, -1)]
    alphas = [*linear_alphas()[timesteps].tolist(), 1.0]
    return tuple(_step(timestep, alphas, i) for i, timestep in enumerate(timesteps))


def _step(timestep: int, alphas: list[float], i: int) -> SolverStep:
    alpha, next_alpha = alphas[i : i + 2]
    noisy = math.sqrt((1 - next_alpha) / (1 - alpha))
    predicted = math.sqrt(next_alpha) - noisy * math.sqrt(alpha)
    if i == 0 or next_alpha == 1:
        return SolverStep(timestep, noisy, predicted, 0.0)
    half_ratio = _distance(alpha, next_alpha) / _distance(alphas[i - 1], alpha) / 2
    return SolverStep(timestep, noisy, predicted * (1 + half_ratio), -predicted * half_ratio)


def _distance(alpha: float, next_alpha: float) -> float:
    """How far apart two levels of noise are in half the logarithm of the signal-to-noise ratio."""
    return _half_log_ratio(next_alpha) - _half_log_ratio(alpha)


def _half_log_ratio(alpha: float) -> float:
    return math.log(alpha / (1 - alpha)) / 2
