from random import Random

import numpy as np
import pytest

from model.training.compositions import Frame
from model.training.masks import draw_hole

FRAME = Frame(64, 48)


@pytest.mark.parametrize("max_shapes", [1, 3])
def test_hole_is_never_empty(max_shapes: int) -> None:
    holes = [draw_hole(Random(seed), FRAME, max_shapes) for seed in range(200)]
    assert all(hole.shape == (48, 64) and hole.dtype == np.bool_ and hole.any() for hole in holes)


def test_holes_differ_and_leave_something() -> None:
    holes = [draw_hole(Random(seed), FRAME, 1) for seed in range(50)]
    assert len({hole.tobytes() for hole in holes}) == 50
    assert 0.05 < np.mean(holes) < 0.6


def test_more_shapes_make_larger_holes() -> None:
    shares = [np.mean([draw_hole(Random(seed), FRAME, count) for seed in range(200)]) for count in (1, 3)]
    assert shares[0] < shares[1]


def test_same_seed_same_hole() -> None:
    assert np.array_equal(draw_hole(Random(7), FRAME, 3), draw_hole(Random(7), FRAME, 3))
