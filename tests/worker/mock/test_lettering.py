"""Text on a picture."""

import numpy as np
import pytest
from PIL import Image

from worker.mock.lettering import readable, write


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("A café, 50 %", "A café, 50 %"),
        ("Щи и объезд, Юля", "Shchi i obezd, Yulya"),
        ("a 猫 on\u200ba mat", "a . on.a mat"),
    ],
    ids=["latin", "cyrillic", "others"],
)
def test_it_is_in_letters_that_the_font_has(text: str, latin: str) -> None:
    assert readable(text) == latin


def test_it_is_on_a_band_along_the_lower_edge() -> None:
    picture = Image.new("RGB", (256, 256), "red")
    write(picture, ["a cat"])
    changed = np.any(np.asarray(picture) != (255, 0, 0), axis=(1, 2))
    assert changed[-1]
    assert not changed[:128].any()


@pytest.mark.parametrize("size", [(16, 512), (512, 16), (64, 64), (1, 1)], ids=str)
def test_what_is_too_long_leaves_most_of_the_picture_alone(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "red")
    write(picture, ["a very long prompt with many words " * 20])
    assert picture.size == size
    assert np.any(np.asarray(picture)[: size[1] // 3] == (255, 0, 0)) or size[1] < 32
