import numpy as np
import pytest

from model.canvas import extend, fit
from model.pixels import Pixels


def photo(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_picture_with_margins() -> None:
    canvas = extend(photo(10, 20), (3, 0, 1, 2))
    assert np.array_equal(canvas.picture[1:11, 3:], photo(10, 20))
    assert canvas.mask.sum() == 13 * 23 - 10 * 20
    assert canvas.mask[1:11, 3:].max() == 0


def test_an_overlap_is_drawn_beside_margins_only() -> None:
    canvas = extend(photo(10, 20), (3, 0, 0, 0), overlap=4)
    assert canvas.mask[0].tolist() == [1] * 7 + [0] * 16
    assert np.array_equal(canvas.picture[:, 3:], photo(10, 20))


@pytest.mark.parametrize(
    ("margins", "overlap", "says"),
    [
        ((0, -1, 0, 0), 0, "the right margin must be at least 0, not -1"),
        ((0, 0, 0, 0), 0, "at least one margin must be above 0"),
        ((5, 5, 0, 0), 10, "an overlap of 10 leaves nothing of a picture of 20 x 10"),
    ],
)
def test_margins_that_are_refused(margins: tuple[int, int, int, int], overlap: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        extend(photo(10, 20), margins, overlap)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((64, 64), (64, 64)),
        ((200, 100), (128, 64)),
        ((1000, 1500), (64, 128)),
        ((127, 70), (64, 64)),
        ((30, 40), (64, 64)),
    ],
)
def test_sides_are_rounded_down_within_a_number_of_pixels(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    canvas = fit(photo(*size), np.ones((10, 10), np.float32), 128 * 128, 64)
    assert canvas.mask.shape == canvas.picture.shape[:2] == fitted


def test_a_picture_that_fits_stays_as_it_is() -> None:
    canvas = fit(photo(64, 128), np.zeros((64, 128), np.float32), 128 * 128, 64)
    assert np.array_equal(canvas.picture, photo(64, 128))
