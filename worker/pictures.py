"""Pictures as files: pixels to PNG, WebP or JPEG bytes."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.jobs.job import OutputFormat

try:
    from fpng_py import fpng_encode_image_to_memory
except ImportError:  # no wheel for this platform; Pillow writes the same pictures, slower
    fpng_encode_image_to_memory = None


def encode_picture(pixels: NDArray[np.uint8], output_format: OutputFormat, quality: int) -> bytes:
    """Encodes (H, W, 3); PNG is lossless, `quality` 1..100 is for the others."""
    height, width = pixels.shape[:2]
    if output_format is OutputFormat.PNG and fpng_encode_image_to_memory:
        return bytes(fpng_encode_image_to_memory(pixels.tobytes(), width, height, 3))
    options = {
        OutputFormat.PNG: {"compress_level": 1},
        OutputFormat.WEBP: {"quality": quality, "method": 0},
        OutputFormat.JPEG: {"quality": quality},
    }
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, output_format.value, **options[output_format])
    return file.getvalue()
