"""Sizes of pictures: which one a caller means, and which ones a model can make."""

from math import ceil, log

from service.errors import InvalidImage, InvalidRequest
from worker.jobs.catalog import ModelCard

#: How much worse a wrong shape is than a wrong area, both as logarithms of ratios.
SHAPE_WEIGHT = 2.0

#: Width and height in pixels.
Size = tuple[int, int]


def fit_aspect_ratio(ratio: str, card: ModelCard) -> Size:
    """The size of about the shape `ratio` ("16:9") and the model's default area."""
    across, down = ratio.split(":")
    width, height = default_size(card)
    return _nearest(int(across) / int(down), width * height, card)


def size_like(size: Size, card: ModelCard, area: int) -> Size:
    """The size itself if the model can draw it, else one of about its shape and so many pixels."""
    return size if _find_fault(size, card) is None else _nearest(size[0] / size[1], area, card)


def follow_shape(width: int | None, height: int | None, shape: Size, card: ModelCard) -> Size:
    """Width and height, of which at most one is left out: that follows from the other and the shape."""
    across, down = shape
    if width is None:
        assert height is not None
        return _side_beside(height, height * across / down, card), height
    return width, _side_beside(width, width * down / across, card) if height is None else height


def window_size(size: Size, card: ModelCard) -> Size:
    """The size of the windows that a picture is drawn in, as `model.windows.window_size` chooses it.

    A picture that may be drawn as a whole is, on sides rounded up; of a larger one windows of about the
    default size are.
    """
    whole = _round_up(size[0], card), _round_up(size[1], card)
    if _find_fault(whole, card) is None:
        return whole
    width, height = default_size(card)
    if whole[1] < height:
        return _longer_side(whole[1], whole[0], card), whole[1]
    if whole[0] < width:
        return whole[0], _longer_side(whole[0], whole[1], card)
    return width, height


def show_size(size: Size) -> str:
    """A size as messages tell it."""
    return f"{size[0]}x{size[1]}"


def default_size(card: ModelCard) -> Size:
    """The size of a picture of which none is given; the smallest if the model names none."""
    smallest = _round_up(card.min_side, card)
    return card.default_width or smallest, card.default_height or smallest


def check_size(size: Size, card: ModelCard) -> Size:
    """The size. Raises InvalidRequest for one that the model cannot draw."""
    if fault := _find_fault(size, card):
        side, reason = fault
        raise InvalidRequest(f"{side} {reason}", param=side)
    return size


def check_picture(size: Size, card: ModelCard, scale: int) -> Size:
    """The size of what becomes of the picture of a request, `scale` times as wide and high.

    Raises InvalidImage if the model cannot make that.
    """
    made = size[0] * scale, size[1] * scale
    if fault := _find_fault(made, card):
        side, reason = fault
        given = f"is {show_size(size)}, made {scale} times as large"
        raise InvalidImage("image", f"{given}: {side} {reason}")
    return made


def check_enlarged(size: Size, card: ModelCard, scale: int) -> Size:
    """The size of what becomes of a drawn picture, `scale` times as wide and high.

    Raises InvalidRequest if the model cannot make that.
    """
    made = size[0] * scale, size[1] * scale
    if fault := _find_fault(made, card):
        side, reason = fault
        raise InvalidRequest(
            f"upscale makes {show_size(made)} of {show_size(size)}: {side} {reason}", param="upscale"
        )
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
        return "width", f"x height should be {limit}, got {show_size(size)} = {width * height}"
    return None


def _nearest(shape: float, area: int, card: ModelCard) -> Size:
    """Of the sizes that the model can draw, the one nearest to a shape, width / height, and an area."""

    def distance(size: Size) -> float:
        width, height = size
        return SHAPE_WEIGHT * abs(log(width / height / shape)) + abs(log(width * height / area))

    sides = range(_round_up(card.min_side, card), card.max_side + 1, card.size_multiple)
    sizes = [(width, height) for width in sides for height in sides if width * height <= card.max_pixels]
    return min(sizes, key=distance)


def _side_beside(given: int, length: float, card: ModelCard) -> int:
    """The side that the model can draw beside a given one, nearest to a length."""
    rounded = round(length / card.size_multiple) * card.size_multiple
    longest = min(card.max_side, card.max_pixels // given) // card.size_multiple * card.size_multiple
    return max(min(rounded, longest), _round_up(card.min_side, card))


def _longer_side(shorter: int, longer: int, card: ModelCard) -> int:
    """The longer side of a window that has the model's default area."""
    width, height = default_size(card)
    side = min(width * height // shorter, card.max_side, longer)
    return side // card.size_multiple * card.size_multiple


def _round_up(side: int, card: ModelCard) -> int:
    return ceil(side / card.size_multiple) * card.size_multiple
