"""A picture without edges, and how visible the borders of windows are in what is made of it."""

from collections.abc import Sequence

import numpy as np

from model.pixels import Pixels
from model.tiling import View


def smooth(height: int, width: int) -> Pixels:
    """A picture whose colours change slowly."""
    y, x = np.mgrid[0:height, 0:width]
    channels = (120 + 60 * np.sin(x / 20 + y / 30), 90 + 60 * np.cos(y / 25), 160 - 80 * np.sin(x / 30))
    return np.stack(channels, axis=-1).astype(np.uint8)


def seam(picture: Pixels, views: Sequence[View]) -> float:
    """How sharp the sharpest border between windows side by side is.

    The mean gradient across it, in medians of those within 8 pixels: 1 for a border that is not there.
    """
    gradients = np.abs(np.diff(picture.astype(float), axis=1)).mean(axis=(0, 2))
    borders = {edge for view in views for edge in (view.left, view.right)} - {0, picture.shape[1]}
    return max(float(gradients[edge - 1] / np.median(gradients[edge - 9 : edge + 8])) for edge in borders)
