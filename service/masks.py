"""Masks: what a caller paints over a picture, as grey from 0, which stays, to 255, which is drawn anew."""

from PIL import Image

from service.errors import InvalidImage

#: Greys below the first are black and above the second white: so far JPEG strays from either.
DARKEST, LIGHTEST = 16, 239
WHITE = 255


def mark(mask: Image.Image) -> Image.Image:
    """A picture as a mask, L: transparent is drawn anew, or in one without any transparency what is white."""
    return _marks(mask).point(_snap)


def check_mask(mask: Image.Image, param: str, size: tuple[int, int]) -> None:
    """Raise InvalidImage unless a mask is as large as its picture, and neither empty nor full."""
    if mask.size != size:
        raise _invalid(param, f"should be as large as image, {_show(size)}, got {_show(mask.size)}")
    darkest, lightest = mask.getextrema()
    if lightest == 0:
        raise _invalid(
            param,
            f"is empty: none of its {_show(mask.size)} pixels is white or transparent, "
            f"so nothing of image, {_show(size)}, would be drawn anew",
        )
    if darkest != 0:
        raise _invalid(
            param,
            f"is full: none of its {_show(mask.size)} pixels is black or opaque, "
            f"so nothing of image, {_show(size)}, would stay",
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


def _invalid(param: str, reason: str) -> InvalidImage:
    return InvalidImage(f"{param} {reason}", param=param)


def _show(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
