"""Masks: which grey a pixel of one becomes, and which masks are refused."""

import re

import pytest
from PIL import Image

from service.bodies.inline import decode
from service.errors import InvalidImage
from service.pictures.reading import PictureReader
from tests.pictures import as_text, encoded, half_mask, png

READER = PictureReader(max_pixels=64 * 64)
SIZE = (4, 2)


def mask_of(text: str) -> list[int]:
    mask = READER.mask(decode(text, "mask", 100_000), "mask", SIZE)
    assert mask.mode == "L"
    return list(mask.get_flattened_data())


def grey(*values: int) -> Image.Image:
    """A mask of two equal rows."""
    return Image.frombytes("L", SIZE, bytes(values) * 2)


def test_white_is_drawn_anew() -> None:
    assert mask_of(half_mask(*SIZE)) == [255, 255, 0, 0] * 2


def test_greys_stay_as_they_are() -> None:
    assert mask_of(as_text(encoded(grey(0, 16, 128, 239)))) == [0, 16, 128, 239] * 2


def test_next_to_black_is_black_and_next_to_white_is_white() -> None:
    assert mask_of(as_text(encoded(grey(1, 15, 240, 254)))) == [0, 0, 255, 255] * 2


def test_a_jpeg_of_a_sharp_mask_is_as_sharp() -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 48, 48))
    read = READER.mask(encoded(mask, "JPEG", quality=90), "mask", mask.size)
    assert read.tobytes() == mask.tobytes()


def test_sixteen_bits_become_eight() -> None:
    mask = Image.new("I;16", SIZE)
    mask.putpixel((1, 0), 0x80FF)
    mask.putpixel((2, 0), 0xFFFF)
    assert mask_of(as_text(encoded(mask))) == [0, 128, 255, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_is_drawn_anew_whatever_its_colour(mode: str) -> None:
    mask = Image.new("RGBA", SIZE, "white")
    mask.paste((255, 255, 255, 0), (0, 0, 2, 2))
    assert mask_of(as_text(encoded(mask.convert(mode)))) == [255, 255, 0, 0] * 2


def test_half_transparent_is_half_drawn_anew() -> None:
    mask = Image.new("RGBA", SIZE, "black")
    mask.putalpha(grey(255, 200, 100, 0))
    assert mask_of(as_text(encoded(mask))) == [0, 55, 155, 255] * 2


def test_an_alpha_channel_that_is_opaque_says_nothing() -> None:
    mask = Image.new("RGBA", SIZE, "black")
    mask.paste("white", (0, 0, 2, 2))
    assert mask_of(as_text(encoded(mask))) == [255, 255, 0, 0] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (png(*SIZE, "black"), "mask is empty: none of its 4x2 pixels is white or transparent"),
        (as_text(encoded(grey(15, 15, 15, 15))), "mask is empty"),
        (png(*SIZE, "white"), "mask is full: none of its 4x2 pixels is black or opaque"),
        (as_text(encoded(grey(16, 128, 255, 255))), "mask is full"),
        (png(2, 4, "white"), "mask should be as large as image, 4x2, got 2x4"),
        (half_mask(8, 4), "mask should be as large as image, 4x2, got 8x4"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidImage, match=re.escape(said)):
        mask_of(text)
