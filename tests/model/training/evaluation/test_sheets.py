import io

import numpy as np
from PIL import Image

from model.training.evaluation.sheets import CAPTION, MAX_BYTES, Sheet, lay_out, to_png


def test_small_pictures_are_enlarged_over_their_words() -> None:
    pictures = [np.full((64, 128, 3), 255, np.uint8)] * 3
    sheet = np.array(lay_out(Sheet("pairs", pictures, ("a cat to the left of a pizza", "", ""), 2)))
    assert sheet.shape == (2 * (128 + CAPTION), 2 * 256, 3)
    assert (sheet[:128] == 255).all()
    assert (sheet[128 : 128 + CAPTION, :256] < 128).any()
    assert (sheet[128 : 128 + CAPTION, 256:] == 255).all()


def test_a_sheet_that_would_be_too_large_loses_colours_but_not_white() -> None:
    pixels = np.random.default_rng(0).integers(100, 116, (400, 600, 3)).astype(np.uint8)
    pixels[:10] = 255
    content = to_png(Image.fromarray(pixels))
    assert len(content) <= MAX_BYTES
    written = np.array(Image.open(io.BytesIO(content)))
    assert (written[:10] == 255).all()
    assert np.abs(written.astype(int) - pixels).max() <= 7
