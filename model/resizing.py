"""Pictures resized bilinearly, a part at a time."""

import torch
from torch import Tensor

from model.tiling import View


def resize_part(picture: Tensor, size: tuple[int, ...], view: View) -> Tensor:
    """The part `view` of a picture (B, C, h, w) resized to `size`, in fp32; the whole is never made.

    Equal to that part of `interpolate(picture, size, mode="bilinear")`, whose corners are not aligned.
    """
    height, width = size
    above, below, down = _neighbours(view.top, view.bottom, height, picture.shape[2], picture.device)
    left, right, across = _neighbours(view.left, view.right, width, picture.shape[3], picture.device)
    first = int(above[0])
    band = picture[:, :, first : int(below[-1]) + 1].float()
    rows = torch.lerp(band[:, :, above - first], band[:, :, below - first], down[:, None])
    return torch.lerp(rows[..., left], rows[..., right], across)


def _neighbours(
    start: int, stop: int, size: int, original: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Places of the original before and after each place from start to stop, and how near the second is."""
    places = torch.arange(start, stop, device=device, dtype=torch.float64)
    exact = ((places + 0.5) * (original / size) - 0.5).clamp(min=0)
    before = exact.floor().long().clamp(max=original - 1)
    return before, (before + 1).clamp(max=original - 1), (exact - before).float()
