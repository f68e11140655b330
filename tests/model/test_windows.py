from itertools import pairwise

import numpy as np
import pytest

from model.canvas import extend
from model.windows import plan_windows, window_size

RNG = np.random.default_rng(0)
#: Sizes of a picture, and margins; the window is of 64 x 64.
EXTENSIONS = [
    ((64, 64), (0, 64, 0, 0)),
    ((64, 64), (32, 32, 32, 32)),
    ((64, 64), (48, 48, 16, 16)),
    ((100, 70), (0, 1, 0, 0)),
    ((30, 30), (200, 100, 50, 41)),
    ((1, 1), (100, 0, 0, 100)),
    ((150, 65), (0, 0, 3, 64)),
]


def mask(size: tuple[int, int], *holes: tuple[int, int, int, int]) -> np.ndarray:
    drawn = np.zeros(size, np.bool_)
    for top, bottom, left, right in holes:
        drawn[top:bottom, left:right] = True
    return drawn


@pytest.mark.parametrize(("size", "margins"), EXTENSIONS)
def test_all_is_drawn_from_what_is_known(size: tuple[int, int], margins: tuple[int, int, int, int]) -> None:
    """Each window draws something, and sees a quarter of a window of what it continues, or all of it."""
    hole = extend(np.zeros((*size, 3), np.uint8), margins).mask > 0
    wanted = min(16, *size)
    for view in plan_windows(hole, (64, 64)):
        assert 0 <= view.top < view.bottom <= hole.shape[0]
        assert 0 <= view.left < view.right <= hole.shape[1]
        assert (view.height, view.width) == (64, 64)
        seen = hole[view.top : view.bottom, view.left : view.right]
        assert seen.any()
        known = ~seen
        assert max(known.any(axis=0).sum(), known.any(axis=1).sum()) >= wanted
        hole[view.top : view.bottom, view.left : view.right] = False
    assert not hole.any()


@pytest.mark.parametrize("size", [(64, 65), (65, 112), (64, 113), (129, 200), (1000, 64)])
def test_windows_that_meet_overlap(size: tuple[int, int]) -> None:
    views = plan_windows(np.ones(size, np.bool_), (64, 64))
    for side, starts in zip(size, ({v.top for v in views}, {v.left for v in views}), strict=True):
        assert (min(starts), max(starts)) == (0, side - 64)
        assert all(after - before <= 48 for before, after in pairwise(sorted(starts)))


def test_what_knows_most_is_drawn_first() -> None:
    """A frame as wide as half a window: each of its windows sees half a window or more when it is drawn."""
    hole = extend(np.zeros((64, 64, 3), np.uint8), (32, 32, 32, 32)).mask > 0
    views = plan_windows(hole, (64, 64))
    assert len(views) == 8
    for view in views:
        part = hole[view.top : view.bottom, view.left : view.right]
        assert part.mean() <= 0.5
        part[:] = False


def test_a_small_hole_is_in_the_middle_of_one_window() -> None:
    [view] = plan_windows(mask((300, 300), (101, 110, 150, 160)), (64, 64))
    assert (view.top, view.left) == (73, 123)


def test_windows_between_holes_are_passed_over() -> None:
    views = plan_windows(mask((64, 500), (0, 64, 0, 10), (0, 64, 490, 500)), (64, 64))
    assert {view.left for view in views} == {0, 436}


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="the mask is empty"):
        plan_windows(mask((64, 64)), (64, 64))


@pytest.mark.parametrize(
    ("canvas", "window"),
    [
        ((1024, 1024), (1024, 1024)),
        ((1000, 900), (1024, 960)),
        ((40, 700), (64, 704)),
        ((1024, 2048), (1024, 2048)),
        ((2000, 2000), (1024, 1024)),
        ((512, 4096), (512, 2048)),
        ((4096, 700), (1472, 704)),
        ((1024, 2100), (1024, 1024)),
        ((100, 3000), (128, 2048)),
    ],
)
def test_size_of_a_window(canvas: tuple[int, int], window: tuple[int, int]) -> None:
    found = window_size(canvas, multiple=64, max_side=2048, max_pixels=2 * 1024**2, default_side=1024)
    assert found == window


def test_a_window_is_never_larger_than_the_padded_canvas() -> None:
    for height, width in RNG.integers(1, 5000, (500, 2)).tolist():
        sides = window_size((height, width), 64, 2048, 2 * 1024**2, 1024)
        for side, whole in zip(sides, (height, width), strict=True):
            assert side % 64 == 0
            assert 64 <= side < whole + 64
        assert sides[0] * sides[1] <= 2 * 1024**2
