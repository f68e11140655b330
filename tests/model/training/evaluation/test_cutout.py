import numpy as np

from model.pixels import Pixels
from model.training.evaluation.cutout import OBJECT_SIDE, SIDE, border_colour, cut_out, cut_outs


def square(background: int, inside: int) -> Pixels:
    """A picture with a wide rectangle off its middle."""
    picture = np.full((64, 64, 3), background, np.uint8)
    picture[10:20, 30:60] = inside
    return picture


def test_the_object_fills_a_white_square() -> None:
    found = cut_outs(square(140, 20)[None])[0]
    assert found.shape == (SIDE, SIDE, 3)
    columns = np.flatnonzero((found < 128).all(axis=2).any(axis=0))
    assert len(columns) == OBJECT_SIDE
    assert (found[:5] == 255).all()


def test_the_background_does_not_count() -> None:
    assert (cut_outs(square(140, 20)[None]) == cut_outs(square(250, 20)[None])).all()


def test_an_empty_picture_is_taken_whole() -> None:
    empty = np.full((64, 64, 3), 90, np.uint8)
    assert (cut_out(empty, border_colour(empty)) == 255).all()
