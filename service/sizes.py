"""Sizes of pictures: which one a caller means, and which ones a model can make."""

from math import log

from service.errors import InvalidImage, InvalidRequest
from worker.jobs.catalog import ModelCard

#: How much worse a wrong shape is than a wrong area, both as logarithms of ratios.
SHAPE_WEIGHT = 2.0

Size = tuple[int, int]


def fit_aspect_ratio(ratio: str, card: ModelCard) -> Size:
    """Width and height in pixels, of about the shape `ratio` ("16:9") and the model's default area."""
    across, down = ratio.split(":")
    shape = int(across) / int(down)
    default_width, default_height = default_size(card)
    area = default_width * default_height

    def distance(size: Size) -> float:
        width, height = size
        return SHAPE_WEIGHT * abs(log(width / height / shape)) + abs(log(width * height / area))

    return min(_sizes(card), key=distance)


def default_size(card: ModelCard) -> Size:
    """Width and height of a picture of which no size is given; the smallest if the model names none."""
    smallest = _first_side(card)
    return card.default_width or smallest, card.default_height or smallest


def check_size(size: Size, card: ModelCard) -> None:
    """Raise InvalidRequest for a size that the model cannot draw."""
    fault = _find_fault(size, card)
    if fault:
        side, reason = fault
        raise InvalidRequest(f"{side} {reason}", param=side)


def check_picture(size: Size, card: ModelCard, scale: int = 1) -> Size:
    """The size of what becomes of a picture, `scale` times as wide and high.

    Raises InvalidImage if the model cannot make that.
    """
    made = size[0] * scale, size[1] * scale
    fault = _find_fault(made, card)
    if fault:
        side, reason = fault
        given = f"image is {size[0]}x{size[1]}" + (f", made {scale} times as large" if scale > 1 else "")
        raise InvalidImage(f"{given}: {side} {reason}", param="image")
    return made


def _find_fault(size: Size, card: ModelCard) -> tuple[str, str] | None:
    """The side that is wrong and what is wrong with it."""
    for name, side in zip(("width", "height"), size, strict=True):
        if not card.min_side <= side <= card.max_side:
            limits = f"between {card.min_side} and {card.max_side}"
            return name, f"should be {limits} for model {card.id}, got {side}"
        if side % card.size_multiple:
            return name, f"should be a multiple of {card.size_multiple} for model {card.id}, got {side}"
    width, height = size
    if width * height > card.max_pixels:
        limit = f"at most {card.max_pixels} pixels for model {card.id}"
        return "width", f"x height should be {limit}, got {width}x{height} = {width * height}"
    return None


def _sizes(card: ModelCard) -> list[Size]:
    sides = range(_first_side(card), card.max_side + 1, card.size_multiple)
    return [(width, height) for width in sides for height in sides if width * height <= card.max_pixels]


def _first_side(card: ModelCard) -> int:
    return -(-card.min_side // card.size_multiple) * card.size_multiple
