"""What is inpainted: a picture and the part of it that is drawn anew."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from model.movq import MoVQ
from model.pixels import Pixels, from_pixels


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture and a mask of its size. Raises ValueError when the sizes differ."""

    #: (H, W, 3).
    picture: Pixels
    #: (H, W), from 0, where the picture stays, to 1, where it is drawn anew.
    mask: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.mask.shape != self.picture.shape[:2]:
            raise ValueError(f"the mask has shape {self.mask.shape}, the picture {self.picture.shape}")


def read_canvas(image: Path, mask: Path, max_pixels: int, multiple: int) -> Canvas:
    """A canvas from two files, both brought to at most about `max_pixels`, and to sides that are a multiple.

    Raises OSError for a file that is no picture.
    """
    with Image.open(image) as opened:
        picture = opened.convert("RGB")
    with Image.open(mask) as opened:
        marked = opened.convert("L")
    ratio = max(1.0, (picture.width * picture.height / max_pixels) ** 0.5)
    size = [max(1, round(side / ratio) // multiple) * multiple for side in picture.size]
    scaled = np.asarray(marked.resize((size[0], size[1]), Image.Resampling.BILINEAR))
    return Canvas(np.asarray(picture.resize((size[0], size[1]))), np.divide(scaled, 255, dtype=np.float32))


def encode_canvas(canvas: Canvas, movq: MoVQ) -> Tensor:
    """What the U-Net reads of a canvas beside the noisy latent, (1, 1 + 4, h, w) fp32."""
    device = movq.quant_conv.weight.device
    mask = torch.tensor(canvas.mask, device=device)[None, None]
    return encode_known(from_pixels(canvas.picture, device), mask, movq)


def encode_known(pictures: Tensor, masks: Tensor, movq: MoVQ) -> Tensor:
    """1 where pictures stay, by the nearest pixel, and the latents of the pictures without the rest.

    A pixel that stays in part is left out of the latent as a whole, as in the original repository. Shapes:
    pictures (B, 3, H, W), masks (B, 1, H, W) from 0, where they stay, to 1 -> (B, 1 + 4, h, w) fp32.
    """
    seen = pictures.masked_fill(masks > 0, 0.0)
    latents = movq.encode(seen.to(movq.quant_conv.weight.dtype)).float()
    return torch.cat([F.interpolate(1 - masks, latents.shape[2:], mode="nearest"), latents], dim=1)
