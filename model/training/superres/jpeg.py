"""The loss of JPEG compression (ITU-T T.81), on tensors: all of it but the coding, which loses nothing."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

#: Quantisation of brightness and of colour at quality 50 (T.81, annex K.1), by rows of vertical frequency.
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)
#: Rows give Y, Cb and Cr from red, green and blue (JFIF 1.02), all about 0.
TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
#: Side of a block, and of what four blocks of brightness share in colour.
BLOCK, UNIT = 8, 16


def compress(pictures: Tensor, quality: Tensor) -> Tensor:
    """What JPEG leaves of pictures, each at its quality, with colour at half the sides.

    Shapes: pictures (B, 3, H, W) in [-1, 1], quality (B,) from 1 to 100 -> (B, 3, H, W) in [-1, 1].
    """
    height, width = pictures.shape[2:]
    padded = F.pad(pictures, (0, -width % UNIT, 0, -height % UNIT), mode="replicate")
    to_planes = padded.new_tensor(TO_YCBCR)
    planes = torch.einsum("pc,bchw->bphw", to_planes, 127.5 * padded)
    luma = _quantise(planes[:, :1], _table(LUMA, quality))
    chroma = _quantise(F.avg_pool2d(planes[:, 1:], 2), _table(CHROMA, quality))
    planes = torch.cat([luma, F.interpolate(chroma, scale_factor=2.0, mode="bilinear")], dim=1)
    restored = torch.einsum("cp,bphw->bchw", to_planes.inverse(), planes) / 127.5
    return restored[:, :, :height, :width].clamp(-1, 1)


def _table(base: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Quantisation steps at each quality, as libjpeg scales them, (B, 1, 1, 8, 1, 8)."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = torch.tensor(base, dtype=percent.dtype, device=percent.device)
    return ((table * percent[:, None, None] + 50) / 100).floor().clamp(1, 255)[:, None, None, :, None, :]


def _quantise(planes: Tensor, table: Tensor) -> Tensor:
    """Rounds the cosine coefficients of blocks to multiples of the table's steps."""
    cosines = _cosines().to(planes)
    blocks = planes.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK))  # (B, P, h, 8, w, 8)
    coefficients = torch.einsum("ui,bphiwj,vj->bphuwv", cosines, blocks, cosines)
    rounded = (coefficients / table).round() * table
    return torch.einsum("ui,bphuwv,vj->bphiwj", cosines, rounded, cosines).flatten(4, 5).flatten(2, 3)


def _cosines() -> Tensor:
    """The orthonormal cosine transform of a row of a block, (8, 8)."""
    positions = torch.arange(BLOCK, dtype=torch.float64) + 0.5
    cosines = torch.cos(math.pi / BLOCK * positions[None] * torch.arange(BLOCK)[:, None]) / 2
    cosines[0] /= math.sqrt(2)
    return cosines
