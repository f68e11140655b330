"""Objects cut out of pictures: found by their difference from the background, put on white."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.pixels import Pixels

#: Side in pixels of a cut-out, and of the object within it.
SIDE, OBJECT_SIDE = 96, 86
#: Difference from the background, of the most different channel: up to the first a pixel is background, from
#: the second on it is object.
FLAT, OBJECT = 8, 32
#: Share of a row or column that must be object before the row or column is taken for a part of it.
LEAST_SHARE = 0.02
WHITE = (255, 255, 255)


def border_colour(picture: Pixels) -> NDArray[np.float64]:
    """The median colour (3,) of a picture's outermost pixels."""
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    return np.median(np.concatenate(edges), axis=0)


def cut_out(picture: Pixels, background: NDArray[np.float64]) -> Pixels:
    """The object in a picture (H, W, 3) on a white square (96, 96, 3), as large as fits.

    A picture without any object is taken whole.
    """
    difference = np.abs(picture - background).max(axis=2)
    opacity = ((difference - FLAT) / (OBJECT - FLAT)).clip(0, 1)[..., None]
    on_white = Image.fromarray((picture * opacity + 255 * (1 - opacity)).round().astype(np.uint8))
    cropped = on_white.crop(_box(difference >= OBJECT))
    scale = OBJECT_SIDE / max(cropped.size)
    width, height = (max(1, round(scale * side)) for side in cropped.size)
    square = Image.new("RGB", (SIDE, SIDE), WHITE)
    resized = cropped.resize((width, height), Image.Resampling.BICUBIC)
    square.paste(resized, ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.array(square)


def cut_outs(pictures: Pixels) -> Pixels:
    """The object of each of the pictures (N, H, W, 3), (N, 96, 96, 3)."""
    return np.stack([cut_out(picture, border_colour(picture)) for picture in pictures])


def _box(is_object: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is object."""
    height, width = is_object.shape
    rows = np.flatnonzero(is_object.sum(axis=1) >= max(1, LEAST_SHARE * width))
    columns = np.flatnonzero(is_object.sum(axis=0) >= max(1, LEAST_SHARE * height))
    if not len(rows) or not len(columns):
        return 0, 0, width, height
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
