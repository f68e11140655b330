"""Masks (H, W) of what is drawn anew: 0 where a picture stays, 1 where it is drawn, a share in between."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Mask = NDArray[np.float32]


def dilate(mask: Mask, radius: int) -> Mask:
    """Every pixel within a square of `radius` of one that is not 0 becomes 1.

    A radius of 6 is the `prepare_mask` of the original repository on a mask of floats; with 0 the mask stays
    as it is. Raises ValueError for a radius below 0.
    """
    if radius < 0:
        raise ValueError(f"radius must be at least 0, not {radius}")
    if radius == 0:
        return mask
    marked, side = _to_tensor(mask).gt(0).float(), 2 * radius + 1
    rows = F.max_pool2d(marked, (1, side), stride=1, padding=(0, radius))
    return _to_array(F.max_pool2d(rows, (side, 1), stride=1, padding=(radius, 0)))


def resize_mask(mask: Mask, height: int, width: int) -> Mask:
    """A mask of another size, bilinear and without anti-aliasing, as in the original repository."""
    return _to_array(F.interpolate(_to_tensor(mask), (height, width), mode="bilinear"))


def _to_tensor(mask: Mask) -> Tensor:
    return torch.tensor(mask, dtype=torch.float32)[None, None]


def _to_array(mask: Tensor) -> Mask:
    array: Mask = mask[0, 0].numpy()
    return array
