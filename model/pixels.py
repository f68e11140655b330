"""Pictures as bytes, and as the networks see them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: A picture, (H, W, 3).
Pixels = NDArray[np.uint8]


def to_pixels(pictures: Tensor) -> Pixels:
    """(B, 3, H, W) about [-1, 1] -> (B, H, W, 3) bytes, clipped and rounded."""
    # In place from the first result on, as a picture may be large.
    scaled = pictures.float().add(1).mul_(127.5).clamp_(0, 255).round_()
    pixels: Pixels = scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels


def from_pixels(picture: Pixels, device: torch.device) -> Tensor:
    """(H, W, 3) bytes -> (1, 3, H, W) fp32 in [-1, 1]."""
    # Torch warns of arrays that may not be written, such as those of a decoded file.
    return torch.tensor(picture).to(device).permute(2, 0, 1)[None].float().div(127.5).sub(1)


def pad(picture: Pixels, height: int, width: int) -> Pixels:
    """A picture grown to (height, width) by its mirror image, at the bottom and at the right."""
    missing = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, missing, mode="symmetric")
