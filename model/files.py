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
    """A mask (H, W), 1 where a picture is transparent, or white if none of it is.

    Raises OSError for a file that is none.
    """
    picture = _read(file)
    if picture.has_transparency_data:
        opacity = np.array(picture.convert("RGBA").getchannel("A"))
        # Paint programs give every picture an alpha channel, so one that is opaque says nothing.
        if opacity.min() < 255:
            return np.divide(255 - opacity, 255, dtype=np.float32)
    return np.divide(np.array(picture.convert("L")), 255, dtype=np.float32)


def _read(file: Path) -> Image.Image:
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError) as error:
        raise OSError(f"{file} cannot be read: {error}") from error
    if picture.mode == "F":
        raise OSError(f"{file} cannot be read: its pixels are floats, of mode F, and not whole numbers")
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
    return picture
