"""The network that tells pictures apart, as it comes in its package."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worker.finishing.picture_filter import PictureFilter

PICTURES = sorted((Path(__file__).parents[3] / "docs" / "examples").glob("*.png"))


@pytest.fixture(scope="module")
def picture_filter() -> PictureFilter:
    return PictureFilter()


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_harmless_picture_passes(picture_filter: PictureFilter, path: Path) -> None:
    with Image.open(path) as picture:
        assert picture_filter.score(np.asarray(picture.convert("RGB"))) < 0.5


def test_scores_differ(picture_filter: PictureFilter) -> None:
    scores = {
        picture_filter.score(np.full((64, 64, 3), color, np.uint8)) for color in ((255, 0, 0), (0, 0, 255))
    }
    assert len(scores) == 2
