"""An invisible watermark: a text in the blue of a picture, which survives JPEG.

The method is "dwtDctSvd" of the package `invisible-watermark`, whose decoder reads what is written here:
the bits, over and over, are in the largest singular values of blocks of 8 x 8 pixels of the chroma U. (A
DCT leaves them as they are, so there is none here.) That package needs torch, and its values run over the
end of their range, which shows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.sample import Pixels

Floats = NDArray[np.float32]

#: Pixels that a picture needs to be marked, so that 8 blocks or more have each bit.
MIN_PIXELS = 256 * 256
BLOCK = 8
#: Rows of blocks that are worked on at a time, so that a large picture takes no more memory than this.
STRIP = 64
#: How far the values of a block are apart that mean the same bit.
PERIOD = 36
#: How far from such a value still counts as there, of that.
TOLERANCE = 1 / 8
#: Where there is no room for the nearest value, as in white, the next ones are tried.
SHIFTS = (0, -1, 1, -1.125)
#: As OpenCV has them, which rounds Y before it takes U from it.
Y_OF_RGB = np.array([0.299, 0.587, 0.114], np.float32)
U_OF_BLUE = 0.492
RGB_OF_U = np.array([0, -0.395, 2.032], np.float32)


@dataclass(frozen=True)
class Watermark:
    """A short text."""

    text: str

    def mark(self, pixels: Pixels) -> Pixels:
        """The picture (H, W, 3) with the text in it; one that is too small as it is."""
        if pixels.shape[0] * pixels.shape[1] < MIN_PIXELS:
            return pixels
        marked, places = pixels.copy(), self._places(pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK)
        for top in range(0, len(places), STRIP):
            rows = slice(top * BLOCK, (top + STRIP) * BLOCK)
            marked[rows] = _mark(pixels[rows], places[top : top + STRIP])
        return marked

    def _places(self, *shape: int) -> Floats:
        """Where within its period the value of each block (rows, columns) is to be."""
        bits = np.unpackbits(np.frombuffer(self.text.encode(), np.uint8))
        return np.resize(0.25 + 0.5 * bits, shape).astype(np.float32)


def _mark(pixels: Pixels, places: Floats) -> Pixels:
    """The picture, or a strip of one, with the values of its blocks brought to their places."""
    blocks = _blocks(pixels)
    left, sizes, right = np.linalg.svd(blocks)
    directions = left[..., :, :1] * right[..., :1, :]
    nearest = np.rint(sizes[..., 0] / PERIOD - places) + places
    change = np.zeros_like(blocks)
    wrong = np.ones(blocks.shape[:2], np.bool_)
    for shift in SHIFTS:
        wanted = (nearest + shift) * PERIOD - sizes[..., 0]
        change[wrong] = (wanted[..., None, None] * directions)[wrong]
        marked = _paint(pixels, change)
        wrong = _is_off(places, marked)
        if not wrong.any():
            break
    return marked


def _blocks(pixels: Pixels) -> Floats:
    """The chroma U in blocks, by the average of a Haar transform: (rows, columns, 4, 4)."""
    rows, columns = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    region = pixels[: rows * BLOCK, : columns * BLOCK].astype(np.float32)
    chroma = np.rint((region[..., 2] - np.rint(region @ Y_OF_RGB)) * U_OF_BLUE + 128)
    halved: Floats = chroma.reshape(rows, 4, 2, columns, 4, 2).sum((2, 5)) / 2
    return halved.transpose(0, 2, 1, 3)


def _paint(pixels: Pixels, change: Floats) -> Pixels:
    """The picture with its blocks changed."""
    rows, columns = change.shape[:2]
    chroma = change.transpose(0, 2, 1, 3).reshape(rows * 4, columns * 4) / 2
    painted = pixels.copy()
    region = painted[: rows * BLOCK, : columns * BLOCK]
    region[:] = np.clip(np.rint(region + chroma.repeat(2, 0).repeat(2, 1)[..., None] * RGB_OF_U), 0, 255)
    return painted


def _is_off(places: Floats, pixels: Pixels) -> NDArray[np.bool_]:
    """Which blocks (rows, columns) do not have their values where they are to be."""
    sizes = np.linalg.svd(_blocks(pixels), compute_uv=False)[..., 0]
    off = sizes / PERIOD - places
    return np.abs(off - np.rint(off)) > TOLERANCE
