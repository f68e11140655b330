"""What is inpainted: a picture and the part of it that is drawn anew."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from model.masks import Mask, resize_mask
from model.movq import MoVQ
from model.pixels import Pixels, from_pixels
from model.residency import use

#: Colour of what is not drawn yet; the networks never see it.
BLANK = 128

#: Pixels to be drawn on the left, on the right, at the top and at the bottom of a picture.
Margins = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture and a mask of its size. Raises ValueError when the sizes differ."""

    #: (H, W, 3).
    picture: Pixels
    #: (H, W), from 0, where the picture stays, to 1, where it is drawn anew.
    mask: Mask

    def __post_init__(self) -> None:
        if self.mask.shape != self.picture.shape[:2]:
            raise ValueError(f"the mask has shape {self.mask.shape}, the picture {self.picture.shape}")


def extend(picture: Pixels, margins: Margins, overlap: int = 0) -> Canvas:
    """A canvas with a picture, and margins around it that are to be drawn.

    Beside each margin `overlap` pixels of the picture are drawn anew as well, over which it can be blended.
    Raises ValueError, naming it, for a margin below 0, for margins that are all 0, and for an overlap that
    leaves nothing of the picture.
    """
    names = ("left", "right", "top", "bottom")
    for name, margin in zip(names, margins, strict=True):
        if margin < 0:
            raise ValueError(f"the {name} margin must be at least 0, not {margin}")
    if not any(margins):
        raise ValueError("at least one margin must be above 0")
    left, right, top, bottom = (overlap if margin else 0 for margin in margins)
    height, width, _ = picture.shape
    if left + right >= width or top + bottom >= height:
        raise ValueError(f"an overlap of {overlap} leaves nothing of a picture of {width} x {height}")
    mask = np.ones((height, width), np.float32)
    mask[top : height - bottom, left : width - right] = 0
    return grow(Canvas(picture, mask), margins)


def grow(canvas: Canvas, margins: Margins) -> Canvas:
    """A canvas with margins that are to be drawn, whatever was to be drawn before."""
    left, right, top, bottom = margins
    around = ((top, bottom), (left, right))
    picture = np.pad(canvas.picture, (*around, (0, 0)), constant_values=BLANK)
    return Canvas(picture, np.pad(canvas.mask, around, constant_values=1))


def fit(picture: Pixels, mask: Mask, max_pixels: int, multiple: int) -> Canvas:
    """A canvas of a picture brought to a size that a network can see, as `fit_picture` does.

    As in the original repository, a mask of another size than the picture is stretched over it.
    """
    fitted = fit_picture(picture, max_pixels, multiple)
    return Canvas(fitted, resize_mask(mask, *fitted.shape[:2]))


def fit_picture(picture: Pixels, max_pixels: int, multiple: int) -> Pixels:
    """A picture brought to at most about `max_pixels`, and to sides rounded down to a multiple."""
    height, width, _ = picture.shape
    ratio = max(1.0, (height * width / max_pixels) ** 0.5)
    height, width = (max(1, round(side / ratio) // multiple) * multiple for side in (height, width))
    return np.array(Image.fromarray(picture).resize((width, height)))


def encode_canvas(canvas: Canvas, movq: MoVQ) -> Tensor:
    """What the U-Net reads of a canvas beside the noisy latent, (1, 1 + 4, h, w) fp32."""
    use(movq)
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
