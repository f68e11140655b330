"""Pixels as files, read back by another library than wrote them where there is one."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from worker import pictures
from worker.jobs.stages import OutputFormat
from worker.pictures import UnreadablePicture, decode_picture, encode_picture


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """A smooth picture (40, 24, 3), neither square nor a multiple of 16."""
    rows, columns = np.mgrid[0:40, 0:24]
    return np.stack([rows * 6, columns * 10, 255 - rows * 3], axis=-1).astype(np.uint8)


def decode(content: bytes) -> tuple[str | None, NDArray[np.uint8]]:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.format, np.asarray(picture.convert("RGB"))


def test_png_keeps_every_pixel(pixels: NDArray[np.uint8]) -> None:
    name, decoded = decode(encode_picture(pixels, OutputFormat.PNG, quality=1))
    assert name == "PNG"
    assert np.array_equal(decoded, pixels)


def test_png_without_the_fast_encoder(pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "fpng_encode_image_to_memory", None)
    _, decoded = decode(encode_picture(pixels, OutputFormat.PNG, quality=1))
    assert np.array_equal(decoded, pixels)


def test_a_view_is_encoded_as_it_looks(pixels: NDArray[np.uint8]) -> None:
    turned = pixels[::-1, ::2]
    _, decoded = decode(encode_picture(turned, OutputFormat.PNG, quality=1))
    assert np.array_equal(decoded, turned)


@pytest.mark.parametrize("output_format", [OutputFormat.WEBP, OutputFormat.JPEG])
def test_lossy_formats_come_close(pixels: NDArray[np.uint8], output_format: OutputFormat) -> None:
    name, decoded = decode(encode_picture(pixels, output_format, quality=95))
    assert name == output_format.name
    assert np.abs(decoded.astype(int) - pixels).mean() < 3


@pytest.mark.parametrize("output_format", [OutputFormat.WEBP, OutputFormat.JPEG])
def test_quality_costs_bytes(output_format: OutputFormat) -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    low, high = (encode_picture(noisy, output_format, quality) for quality in (10, 95))
    assert len(low) < len(high)


@pytest.mark.parametrize("output_format", OutputFormat)
def test_the_same_pixels_give_the_same_bytes(pixels: NDArray[np.uint8], output_format: OutputFormat) -> None:
    assert encode_picture(pixels, output_format, 90) == encode_picture(pixels.copy(), output_format, 90)


def test_a_png_is_decoded(pixels: NDArray[np.uint8]) -> None:
    content = encode_picture(pixels, OutputFormat.PNG, 90)
    assert np.array_equal(decode_picture(content, "RGB", (24, 40)), pixels)


@pytest.mark.parametrize(
    ("mode", "size", "says"),
    [("L", (24, 40), "is RGB of 24 x 40, not L of 24 x 40"), ("RGB", (40, 24), "not RGB of 40 x 24")],
)
def test_a_picture_of_another_form_is_refused(
    pixels: NDArray[np.uint8], mode: str, size: tuple[int, int], says: str
) -> None:
    with pytest.raises(UnreadablePicture, match=says):
        decode_picture(encode_picture(pixels, OutputFormat.PNG, 90), mode, size)


@pytest.mark.parametrize("cut", [0, 10, 40, 200])
def test_a_damaged_picture_is_refused(pixels: NDArray[np.uint8], cut: int) -> None:
    content = encode_picture(np.random.default_rng(0).permutation(pixels), OutputFormat.PNG, 90)
    with pytest.raises(UnreadablePicture, match="is no PNG that can be read"):
        decode_picture(content[:cut], "RGB", (24, 40))


def test_another_format_is_refused(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(UnreadablePicture, match="is no PNG"):
        decode_picture(encode_picture(pixels, OutputFormat.JPEG, 90), "RGB", (24, 40))
