import math

import numpy as np
import pytest

from model.pixels import Pixels
from model.training.evaluation.quality import psnr, ssim


@pytest.fixture
def pictures() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3)).astype(np.uint8)


def test_equal_pictures(pictures: Pixels) -> None:
    assert psnr(pictures, pictures) == math.inf
    assert ssim(pictures, pictures) == pytest.approx(1)


def test_psnr_of_a_constant_error() -> None:
    truth = np.full((1, 16, 16, 3), 100, np.uint8)
    assert psnr(truth + np.uint8(5), truth) == pytest.approx(20 * math.log10(255 / 5))


def test_ssim_of_flat_pictures_is_that_of_their_means() -> None:
    x, y, c1 = 100 / 255, 150 / 255, 0.01**2
    flat = [np.full((1, 16, 16, 3), value, np.uint8) for value in (100, 150)]
    assert ssim(*flat) == pytest.approx((2 * x * y + c1) / (x * x + y * y + c1))


def test_ssim_of_a_negative_is_negative(pictures: Pixels) -> None:
    assert ssim(255 - pictures, pictures) < -0.5


def test_ssim_agrees_with_the_formula_at_one_window(pictures: Pixels) -> None:
    """One window of 11 x 11, weighted by hand."""
    x, y = (pictures[i : i + 1, :11, :11].astype(float) / 255 for i in range(2))
    offsets = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = (np.outer(offsets, offsets) / offsets.sum() ** 2)[None, :, :, None]
    mean = [(weights * z).sum(axis=(1, 2)) for z in (x, y)]
    square = [(weights * a * b).sum(axis=(1, 2)) for a, b in ((x, x), (y, y), (x, y))]
    covariance = square[2] - mean[0] * mean[1]
    variances = sum(square[i] - mean[i] ** 2 for i in range(2))
    expected = (2 * mean[0] * mean[1] + 1e-4) * (2 * covariance + 9e-4)
    expected /= (mean[0] ** 2 + mean[1] ** 2 + 1e-4) * (variances + 9e-4)
    assert ssim(pictures[:1, :11, :11], pictures[1:, :11, :11]) == pytest.approx(expected.mean())
