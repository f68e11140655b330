"""Sizes of pictures: which one a caller means, and which ones a model can draw."""

from math import log

from service.errors import InvalidRequest
from worker.jobs.catalog import ModelCard

#: How much worse a wrong shape is than a wrong area, both as logarithms of ratios.
SHAPE_WEIGHT = 2.0


def fit_aspect_ratio(ratio: str, card: ModelCard) -> tuple[int, int]:
    """Width and height in pixels, of about the shape `ratio` ("16:9") and the model's default area."""
    across, down = ratio.split(":")
    shape = int(across) / int(down)
    area = card.default_width * card.default_height

    def distance(size: tuple[int, int]) -> float:
        width, height = size
        return SHAPE_WEIGHT * abs(log(width / height / shape)) + abs(log(width * height / area))

    return min(_sizes(card), key=distance)


def check_size(width: int, height: int, card: ModelCard) -> None:
    """Raise InvalidRequest for a size that the model cannot draw."""
    for param, side in (("width", width), ("height", height)):
        if not card.min_side <= side <= card.max_side:
            limits = f"between {card.min_side} and {card.max_side}"
            raise InvalidRequest(f"{param} should be {limits} for model {card.id}, got {side}", param=param)
        if side % card.size_multiple:
            wanted = f"a multiple of {card.size_multiple}"
            raise InvalidRequest(f"{param} should be {wanted} for model {card.id}, got {side}", param=param)
    if width * height > card.max_pixels:
        raise InvalidRequest(
            f"width x height should be at most {card.max_pixels} pixels for model {card.id}, "
            f"got {width}x{height} = {width * height}",
            param="width",
        )


def _sizes(card: ModelCard) -> list[tuple[int, int]]:
    step = card.size_multiple
    first = -(-card.min_side // step) * step
    sides = range(first, card.max_side + 1, step)
    return [(width, height) for width in sides for height in sides if width * height <= card.max_pixels]
