"""What was drawn, pasted into the picture that it was drawn for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def paste_back(drawn: Pixels, picture: Pixels, mask: NDArray[Any], feather: int = 0) -> Pixels:
    """The picture, with what was drawn where the mask is not 0; all other pixels stay as they are.

    Along the border of the mask, within it, the two are blended over `feather` pixels. Shapes: pictures
    (H, W, 3), mask (H, W).
    """
    weight = _weights(mask > 0, feather)[:, :, None]
    blended = picture + weight * (drawn.astype(np.float32) - picture)
    return blended.round().astype(np.uint8)


def _weights(inside: NDArray[np.bool_], feather: int) -> NDArray[np.float32]:
    """How much is seen of what was drawn: nothing outside the mask, all of it deeper in than `feather`."""
    depth = inside.astype(np.float32)
    for _ in range(feather):
        inside = _erode(inside)
        depth += inside
    return depth / np.float32(feather + 1)


def _erode(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Takes a pixel off the border; the picture's own edge is no border."""
    padded = np.pad(inside, 1, mode="edge")
    vertical = padded[:-2, 1:-1] & padded[2:, 1:-1]
    return inside & vertical & padded[1:-1, :-2] & padded[1:-1, 2:]
