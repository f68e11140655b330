"""The watermark, read by the decoder of another library than wrote it."""

import io

import numpy as np
import pytest
from imwatermark import WatermarkDecoder
from PIL import Image

from worker.engine.sample import Pixels
from worker.finishing.watermark import BLOCK, STRIP, Watermark


def read(pixels: Pixels, length: int) -> bytes:
    # That decoder works on blue, green and red, in this order.
    decoder = WatermarkDecoder("bytes", 8 * length)
    return bytes(decoder.decode(np.ascontiguousarray(pixels[..., ::-1]), "dwtDctSvd"))


def stored(pixels: Pixels, name: str, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, name, quality=quality)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(("name", "quality"), [("PNG", 100), ("JPEG", 80), ("WEBP", 90)])
def test_a_text_survives_storage(pixels: Pixels, name: str, quality: int) -> None:
    marked = Watermark("kandinsky").mark(pixels)
    assert read(stored(marked, name, quality), 9) == b"kandinsky"


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (0, 0, 255), (255, 255, 0)])
def test_a_plain_picture_has_room_for_a_text(color: tuple[int, int, int]) -> None:
    plain = np.full((256, 256, 3), color, np.uint8)
    assert read(Watermark("привет").mark(plain), 12).decode() == "привет"


def test_a_watermark_is_not_seen(pixels: Pixels) -> None:
    change = np.abs(Watermark("kandinsky").mark(pixels).astype(int) - pixels)
    assert 0 < change.mean() < 1.5
    assert change.max() <= 16


def test_the_picture_that_is_marked_stays_as_it_is(pixels: Pixels) -> None:
    before = pixels.copy()
    Watermark("kandinsky").mark(pixels)
    assert np.array_equal(pixels, before)


def test_a_small_picture_is_not_marked(pixels: Pixels) -> None:
    small = pixels[:255, :256]
    assert np.array_equal(Watermark("kandinsky").mark(small), small)


def test_a_text_goes_on_from_strip_to_strip(pixels: Pixels) -> None:
    tall = np.tile(pixels, (4, 1, 1))
    assert tall.shape[0] > 2 * STRIP * BLOCK
    assert read(Watermark("kandinsky").mark(tall), 9) == b"kandinsky"


def test_a_picture_that_is_too_narrow_for_a_block_stays_as_it_is() -> None:
    narrow = np.zeros((20_000, 4, 3), np.uint8)
    assert np.array_equal(Watermark("kandinsky").mark(narrow), narrow)
