"""A picture in the making."""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.outpainting import Outpainting
from model.request import Request
from model.schedule import Steps, Trajectory, draw_noise
from model.unet import TextFeatures


@dataclass
class Denoising:
    """One picture in the making. `Pipeline.step` alone changes it."""

    request: Request
    trajectory: Trajectory
    #: Features of the prompt, then with guidance those of the negative or empty prompt.
    text: tuple[TextFeatures, ...]
    #: Noisy latent before the next step, (1, 4, h, w) fp32.
    latent: Tensor
    #: What the network reads beside it: of a canvas the mask and what is to stay, (1, 5, h, w), else nothing.
    known: Tensor
    num_done: int = 0
    #: How far a canvas is drawn of which the latent is but a window; each window takes the whole trajectory.
    outpainting: Outpainting | None = None

    @property
    def num_steps(self) -> int:
        """Steps from the first to the last, those done included."""
        num_windows = 1 if self.outpainting is None else len(self.outpainting.windows)
        return num_windows * len(self.trajectory)

    @property
    def is_done(self) -> bool:
        return self.num_done == self.num_steps

    @property
    def is_between_windows(self) -> bool:
        """Whether a window is drawn and another waits."""
        return self.num_done % len(self.trajectory) == 0 and not self.is_done

    @property
    def is_finite(self) -> bool:
        """False when the network has produced infinities or NaN."""
        return bool(self.latent.isfinite().all())

    @property
    def coefficients(self) -> Tensor:
        """What the next step goes by, a row of the trajectory's table."""
        return self.trajectory.table[self.num_done % len(self.trajectory)]

    def start_noise(self, latent: Tensor | None = None) -> Tensor:
        """The latent before the first step of a window: noise, or a given latent (1, 4, h, w) noised."""
        first = self._draw(0)
        if latent is not None:
            return self.trajectory.add_noise(latent.cpu(), first)
        return self.trajectory.start(first, self._draw(1))

    def step_noise(self) -> Tensor:
        """The noise that the next step adds; none is drawn where none is added."""
        if not self.coefficients[Steps.SIGMA]:
            return torch.zeros(self.latent.shape)
        return self._draw(self.num_done % len(self.trajectory) + 2)

    def _draw(self, number: int) -> Tensor:
        """A draw of the present window, which has two before its first step, and one at each."""
        window = self.num_done // len(self.trajectory)
        number += window * (len(self.trajectory) + 2)
        return draw_noise(self.request.seed, self.request.index, number, tuple(self.latent.shape))
