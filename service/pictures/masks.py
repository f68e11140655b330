"""Masks: what a caller paints over a picture, as grey from 0, which stays, to 255, which is drawn anew."""

from PIL import Image

from service.errors import InvalidImage
from service.planning.sizes import Size, show_size

#: Greys below the first are black and above the second white: so far JPEG strays from either.
DARKEST, LIGHTEST = 16, 239
WHITE = 255


def mark(mask: Image.Image) -> Image.Image:
    """A picture as a mask, L: transparent is drawn anew, or in one without any transparency what is white."""
    return _marks(mask).point(_snap)


def check_mask(mask: Image.Image, param: str, size: Size) -> None:
    """Raise InvalidImage unless a mask is as large as its picture, and neither empty nor full."""
    if mask.size != size:
        raise InvalidImage(
            param, f"should be as large as image, {show_size(size)}, got {show_size(mask.size)}"
        )
    darkest, lightest = mask.getextrema()
    if lightest == 0:
        raise InvalidImage(
            param,
            f"is empty: none of its {show_size(mask.size)} pixels is white or transparent, "
            f"so nothing of image, {show_size(size)}, would be drawn anew",
        )
    if darkest != 0:
        raise InvalidImage(
            param,
            f"is full: none of its {show_size(mask.size)} pixels is black or opaque, "
            f"so nothing of image, {show_size(size)}, would stay",
        )


def _marks(mask: Image.Image) -> Image.Image:
    if mask.has_transparency_data:
        opacity = mask.convert("RGBA").getchannel("A")
        # Paint programs give every picture an alpha channel, so one that is opaque says nothing.
        if opacity.getextrema() != (WHITE, WHITE):
            return opacity.point(lambda value: WHITE - value)
    return mask.convert("L")


def _snap(value: int) -> int:
    if value < DARKEST:
        return 0
    return WHITE if value > LIGHTEST else value
