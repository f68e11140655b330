"""Pictures and masks from files: upright, in eight bits a channel, without transparency."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from model.masks import Mask
from model.pixels import Pixels


def read_picture(file: Path) -> Pixels:
    """A picture (H, W, 3), on white where it is transparent. Raises OSError for a file that is none."""
    picture = _read(file)
    if picture.has_transparency_data:
        transparent = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), transparent)
    return np.array(picture.convert("RGB"))


def read_mask(file: Path) -> Mask:
    """A mask (H, W), 1 where a picture is white. Raises OSError for a file that is none."""
    return np.divide(np.array(_read(file).convert("L")), 255, dtype=np.float32)


def _read(file: Path) -> Image.Image:
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError) as error:
        raise OSError(f"{file} cannot be read: {error}") from error
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
    return picture
