"""Pictures as callers send them."""

import base64
from io import BytesIO
from typing import Any

from PIL import Image


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The file of a picture."""
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def as_text(content: bytes) -> str:
    """A file as it stands in a request."""
    return base64.b64encode(content).decode()


def png(width: int, height: int, colour: Any = "red", mode: str = "RGB") -> str:
    """A picture of one colour as it stands in a request."""
    return as_text(encoded(Image.new(mode, (width, height), colour)))


def half_mask(width: int, height: int) -> str:
    """A mask whose left half is white."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (0, 0, width // 2, height))
    return as_text(encoded(mask))
