"""What was drawn, pasted into the picture that it was drawn for."""

import numpy as np
from numpy.typing import NDArray

from model.pixels import Pixels


def paste_back(
    drawn: Pixels, picture: Pixels, mask: NDArray[np.float32] | NDArray[np.uint8], feather: int = 0
) -> Pixels:
    """The picture, with what was drawn where the mask is not 0; all other pixels stay as they are.

    Where the mask is a fraction, so much is seen of what was drawn. Along the border of the mask, within it,
    the two are blended over `feather` pixels. Shapes: pictures (H, W, 3), mask (H, W) in [0, 1], or in 0..255
    when it is made of bytes.
    """
    pasted, box = picture.copy(), _bounds(mask > 0)
    part, below = mask[box], picture[box]
    share = part / np.float32(255) if mask.dtype == np.uint8 else part.astype(np.float32)
    weight = (share * _weights(part > 0, feather))[:, :, None]
    pasted[box] = (below + weight * (drawn[box].astype(np.float32) - below)).round()
    return pasted


def _bounds(inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The smallest part that has all of a mask and the pixels beside it."""
    return tuple(_span(np.atleast_1d(inside.any(axis=1 - axis))) for axis in (0, 1))


def _span(marked: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(marked)
    return slice(max(0, places[0] - 1), places[-1] + 2) if len(places) else slice(0, 0)


def _weights(inside: NDArray[np.bool_], feather: int) -> NDArray[np.float32]:
    """How much is seen of what was drawn: nothing outside the mask, all of it deeper in than `feather`."""
    depth = np.where(inside, np.float32(np.inf), np.float32(0))
    for axis in (0, 1):
        depth = np.minimum(_steps_along(axis, depth), np.flip(_steps_along(axis, np.flip(depth))))
    return (np.minimum(depth, feather + 1) / (feather + 1)).astype(np.float32)


def _steps_along(axis: int, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth by how many steps lead there from a pixel before it; the picture's own edge is no border."""
    steps = np.arange(depth.shape[axis], dtype=np.float32)[(..., None) if axis == 0 else ...]
    return np.minimum.accumulate(depth - steps, axis=axis) + steps
