"""Where a canvas is drawn that a network cannot see as a whole, and in what order."""

import math

import numpy as np
from numpy.typing import NDArray

from model.tiling import View

#: The share of a window's side, at least, over which it sees what is known beside a hole.
OVERLAP = 1 / 4

#: Height and width.
Size = tuple[int, int]


def window_size(canvas: Size, multiple: int, max_side: int, max_pixels: int, default_side: int) -> Size:
    """The size at which the network is evaluated for a canvas: sides are multiples of `multiple`.

    A canvas that may be drawn as a whole is; of a larger one windows of about `default_side` squared are.
    """
    height, width = (math.ceil(side / multiple) * multiple for side in canvas)
    if max(height, width) <= max_side and height * width <= max_pixels:
        return height, width
    if height < default_side:
        return height, _longer_side(height, width, multiple, max_side, default_side)
    if width < default_side:
        return _longer_side(width, height, multiple, max_side, default_side), width
    return default_side, default_side


def plan_windows(hole: NDArray[np.bool_], window: Size) -> tuple[View, ...]:
    """Windows (h, w) that cover a hole (H, W), H >= h and W >= w, those that know most first.

    What the windows before it have drawn is known to a window; where nothing is left to be drawn there is no
    window. Raises ValueError for a hole without a pixel.
    """
    if not hole.any():
        raise ValueError("the mask is empty: there is nothing to be drawn")
    left_over = hole.copy()
    tops, lefts = (_starts(np.flatnonzero(hole.any(axis=1 - i)), hole.shape[i], window[i]) for i in (0, 1))
    views = [View(top, top + window[0], left, left + window[1]) for top in tops for left in lefts]
    unknown, plan = np.array([_count(left_over, view) for view in views]), []
    while unknown.any():
        chosen = views[np.where(unknown > 0, unknown, hole.size).argmin()]
        left_over[chosen.top : chosen.bottom, chosen.left : chosen.right] = False
        plan.append(chosen)
        for i, view in enumerate(views):
            if _meet(view, chosen):
                unknown[i] = _count(left_over, view)
    return tuple(plan)


def _longer_side(shorter: int, longer: int, multiple: int, max_side: int, default_side: int) -> int:
    """The longer side of a window as large as a square of `default_side`."""
    side = min(default_side**2 // shorter, max_side, longer)
    return side // multiple * multiple


def _starts(drawn: NDArray[np.intp], side: int, window: int) -> list[int]:
    """Where windows begin along a side, at even distances over what is drawn and the overlap at both ends."""
    overlap = math.ceil(OVERLAP * window)
    first, end = max(0, int(drawn[0]) - overlap), min(side, int(drawn[-1]) + 1 + overlap)
    spare = end - first - window
    if spare <= 0:
        return [min(max(0, first + spare // 2), side - window)]
    count = math.ceil(spare / (window - overlap))
    return [first + round(i * spare / count) for i in range(count + 1)]


def _count(hole: NDArray[np.bool_], view: View) -> int:
    return int(np.count_nonzero(hole[view.top : view.bottom, view.left : view.right]))


def _meet(a: View, b: View) -> bool:
    return a.top < b.bottom and b.top < a.bottom and a.left < b.right and b.left < a.right
