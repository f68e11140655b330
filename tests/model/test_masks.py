import numpy as np
import pytest

from model.masks import dilate, resize_mask

KERNEL = np.array(
    [[1, 1, 1, 1, 1], [1, 5, 5, 5, 1], [1, 5, 44, 5, 1], [1, 5, 5, 5, 1], [1, 1, 1, 1, 1]], np.float32
)


def prepared(mask: np.ndarray) -> np.ndarray:
    """The published `prepare_mask`: three convolutions with a kernel that is nowhere 0, then all above 0."""
    for _ in range(3):
        padded = np.pad(mask, 2)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
        mask = (windows * KERNEL / 100).sum(axis=(2, 3))
    return (mask > 0).astype(np.float32)


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_a_radius_of_six_is_the_published_preparation(share: float) -> None:
    rng = np.random.default_rng(0)
    mask = np.where(rng.random((40, 70)) < 0.005, share, 0).astype(np.float32)
    dilated = dilate(mask, 6)
    assert 0.1 < dilated.mean() < 0.9
    assert np.array_equal(dilated, prepared(mask))


@pytest.mark.parametrize("radius", [1, 2, 9, 50])
def test_a_pixel_becomes_a_square(radius: int) -> None:
    mask = np.zeros((21, 31), np.float32)
    mask[4, 20] = 0.5
    expected = np.zeros_like(mask)
    expected[max(0, 4 - radius) : 5 + radius, max(0, 20 - radius) : 21 + radius] = 1
    assert np.array_equal(dilate(mask, radius), expected)


def test_no_radius_keeps_shares() -> None:
    mask = np.array([[0, 0.25, 1]], np.float32)
    assert np.array_equal(dilate(mask, 0), mask)


def test_a_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="radius must be at least 0, not -1"):
        dilate(np.zeros((2, 2), np.float32), -1)


def test_a_resized_mask_is_interpolated() -> None:
    mask = np.array([[0, 1]], np.float32)
    assert resize_mask(mask, 1, 4)[0].tolist() == [0, 0.25, 0.75, 1]
    # Every fourth pixel counts, whatever lies between: there is no anti-aliasing.
    stripes = np.tile(np.array([0, 1, 1, 0], np.float32), 4)[None]
    assert resize_mask(stripes, 1, 4)[0].tolist() == [1, 1, 1, 1]
