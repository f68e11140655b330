"""How close pictures are to the truth: PSNR and SSIM."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model.pixels import Pixels

#: Side and standard deviation of SSIM's Gaussian window, and its two constants, of the range of values.
WINDOW, DEVIATION = 11, 1.5
K1, K2 = 0.01, 0.03


def psnr(pictures: Pixels, truth: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all pixels of all pictures; infinite when there is no error."""
    error = np.square(pictures.astype(np.float64) - truth).mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(pictures: Pixels, truth: Pixels) -> float:
    """Structural similarity (Wang et al. 2004, equation 13), the mean over windows, channels and pictures.

    Shapes: (N, H, W, 3) each, with sides of at least 11.
    """
    x, y = (_planes(pixels) for pixels in (pictures, truth))
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))).mean())


def _planes(pixels: Pixels) -> Tensor:
    """(N, H, W, 3) bytes -> (3 N, 1, H, W) fp64 from 0 to 1."""
    planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).flatten(0, 1)
    return planes[:, None].double() / 255


def _blur(planes: Tensor) -> Tensor:
    """The weighted mean of every whole window."""
    offsets = torch.arange(WINDOW, dtype=planes.dtype) - WINDOW // 2
    weights = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    weights /= weights.sum()
    return F.conv2d(F.conv2d(planes, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
