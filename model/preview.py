"""Small pictures straight from latents, without the decoder."""

from collections.abc import Callable

import torch
from torch import Tensor

from model.movq import MoVQ

#: Flat pictures that the fit is made on, and their side in latent positions.
NUM_COLOURS, SIDE = 64, 8


@torch.inference_mode()
def fit_preview(movq: MoVQ) -> Callable[[Tensor], Tensor]:
    """Fits the affine map from a latent to the mean colour of its pixels, by least squares on flat pictures.

    The map takes latents (B, 4, h, w) to pictures (B, 3, h, w) in about [-1, 1].
    """
    weight = movq.quant_conv.weight
    generator = torch.Generator().manual_seed(0)
    colours = (2 * torch.rand(NUM_COLOURS, 3, generator=generator) - 1).to(weight.device, weight.dtype)
    side = SIDE * movq.config.stride
    flat = colours[:, :, None, None].expand(-1, -1, side, side)
    latents = torch.cat([movq.encode(part) for part in flat.split(8)]).float().mean(dim=(2, 3))
    homogeneous = torch.cat([latents, torch.ones_like(latents[:, :1])], dim=1)
    solution = torch.linalg.lstsq(homogeneous.cpu(), colours.float().cpu()).solution.to(
        weight.device
    )  # (5, 3)

    def preview(latent: Tensor) -> Tensor:
        return torch.einsum("bchw,cd->bdhw", latent.float(), solution[:-1]) + solution[-1][:, None, None]

    return preview
