"""Hashes, held against those of the reference implementation."""

import warnings

import blurhash as reference
import numpy as np
import pytest
from PIL import Image

from worker.engine.sample import Pixels
from worker.finishing.blurhash import SIDE, blurhash


def reference_hash(pixels: Pixels, columns: int, rows: int) -> str:
    small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return str(reference.encode(small, columns, rows))


def test_a_hash_is_that_of_the_reference(pixels: Pixels) -> None:
    assert blurhash(pixels) == reference_hash(pixels, 4, 3)


def test_a_tall_picture_has_more_waves_upward(pixels: Pixels) -> None:
    turned = np.ascontiguousarray(pixels.transpose(1, 0, 2))
    assert blurhash(turned) == reference_hash(turned, 3, 4)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_plain_picture_has_a_hash(value: int) -> None:
    plain = np.full((64, 64, 3), value, np.uint8)
    assert blurhash(plain) == reference_hash(plain, 4, 3)


def test_a_hash_looks_like_its_picture(pixels: Pixels) -> None:
    blurred = reference.decode(blurhash(pixels), 40, 32)
    small = Image.fromarray(pixels).resize((40, 32), Image.Resampling.BOX)
    assert np.abs(np.asarray(blurred).astype(int) - np.asarray(small)).mean() < 25
