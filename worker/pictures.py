"""Pictures as files: pixels to PNG, WebP or JPEG bytes."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from worker.jobs.stages import OutputFormat

try:
    from fpng_py import fpng_encode_image_to_memory
except ImportError:  # no wheel for this platform; Pillow writes the same pictures, slower
    fpng_encode_image_to_memory = None


class UnreadablePicture(ValueError):
    """Bytes that are no picture of the wanted form; the message says what they are."""


def encode_picture(
    pixels: NDArray[np.uint8], output_format: OutputFormat, quality: int, exif: bytes = b""
) -> bytes:
    """Encodes (H, W, 3); PNG is lossless, `quality` 1..100 and an Exif block are for the others."""
    height, width = pixels.shape[:2]
    if output_format is OutputFormat.PNG and fpng_encode_image_to_memory:
        return bytes(fpng_encode_image_to_memory(pixels.tobytes(), width, height, 3))
    options: dict[OutputFormat, dict[str, Any]] = {
        OutputFormat.PNG: {"compress_level": 1},
        OutputFormat.WEBP: {"quality": quality, "method": 0, "exif": exif},
        OutputFormat.JPEG: {"quality": quality, "exif": exif},
    }
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, output_format.value, **options[output_format])
    return file.getvalue()


def decode_picture(content: bytes, mode: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decodes a PNG of a Pillow mode and a (width, height). Raises UnreadablePicture for any other."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            # Of a file that claims to be huge nothing is decoded.
            if (picture.mode, picture.size) != (mode, size):
                found = f"{picture.mode} of {picture.width} x {picture.height}"
                raise UnreadablePicture(f"is {found}, not {mode} of {size[0]} x {size[1]}")
            return np.asarray(picture)
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadablePicture("is no PNG that can be read") from error
