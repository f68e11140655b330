"""The adversary of the MoVQ decoder: judges patches (Isola et al. 2017, section 3.2.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PatchDiscriminator(nn.Sequential):
    """Tells pictures from reconstructions, one score for each patch of about 22 pixels."""

    def __init__(self, width: int = 32) -> None:
        super().__init__(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.GroupNorm(8, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 4, padding=1),
        )


class PatchGame:
    """The two sides' losses in a step: the decoder's, then the discriminator's on the same pictures."""

    def __init__(self, discriminator: PatchDiscriminator, last_weight: Tensor) -> None:
        self.discriminator = discriminator
        self.last_weight = last_weight
        self._shown: tuple[Tensor, Tensor] | None = None

    def loss(self, decoded: Tensor, pictures: Tensor, reconstruction: Tensor) -> Tensor:
        """What the decoder pays for being found out.

        It is weighted so that it moves the decoder's last layer as much as the reconstruction does (Esser et
        al. 2021, equation 7).
        """
        self._shown = decoded.detach(), pictures
        found_out = -self.discriminator(decoded).float().mean()
        pulls = [
            torch.autograd.grad(cost, self.last_weight, retain_graph=True)[0].norm()
            for cost in (reconstruction, found_out)
        ]
        return (pulls[0] / (pulls[1] + 1e-4)).clamp(max=100).detach() * found_out

    def critic_loss(self) -> Tensor:
        """Hinge loss of the discriminator on what the decoder was shown last."""
        assert self._shown is not None
        decoded, pictures = self._shown
        real, fake = self.discriminator(pictures).float(), self.discriminator(decoded).float()
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
