import numpy as np
import pytest

from model.pasting import paste_back

PICTURE, DRAWN = np.full((12, 12, 3), 100, np.uint8), np.full((12, 12, 3), 200, np.uint8)


def mask(top: int, bottom: int, left: int, right: int, value: int = 255) -> np.ndarray:
    drawn = np.zeros((12, 12), np.uint8)
    drawn[top:bottom, left:right] = value
    return drawn


@pytest.mark.parametrize("feather", [0, 1, 3, 100])
def test_nothing_changes_outside_the_mask(feather: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    pasted = paste_back(DRAWN, noise, mask(2, 9, 3, 11), feather)
    assert np.array_equal(pasted[mask(2, 9, 3, 11) == 0], noise[mask(2, 9, 3, 11) == 0])


def test_without_feather_the_mask_cuts() -> None:
    pasted = paste_back(DRAWN, PICTURE, mask(2, 9, 3, 11))
    assert np.array_equal(pasted == 200, np.stack([mask(2, 9, 3, 11) > 0] * 3, axis=2))


def test_feather_blends_within_the_mask() -> None:
    pasted = paste_back(DRAWN, PICTURE, mask(1, 11, 1, 11), feather=3)
    assert pasted[6, :6, 0].tolist() == [100, 125, 150, 175, 200, 200]


def test_the_edge_of_the_picture_is_no_border() -> None:
    pasted = paste_back(DRAWN, PICTURE, mask(0, 12, 0, 6), feather=2)
    assert pasted[0, :7, 0].tolist() == [200, 200, 200, 200, 167, 133, 100]


@pytest.mark.parametrize("feather", [0, 1, 3])
def test_a_pixel_that_is_masked_in_part_is_blended(feather: int) -> None:
    everywhere = mask(0, 12, 0, 12, value=51)
    assert paste_back(DRAWN, PICTURE, everywhere, feather).tolist() == np.full((12, 12, 3), 120).tolist()


def test_a_mask_of_floats_is_one_of_bytes() -> None:
    marked = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    shares = np.divide(marked, 255, dtype=np.float32)
    assert np.array_equal(paste_back(DRAWN, PICTURE, shares, 2), paste_back(DRAWN, PICTURE, marked, 2))
