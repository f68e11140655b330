"""The margins of outpainting: how large a picture becomes, and whether that can be drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.errors import InvalidImage, InvalidRequest
from service.planning.sizes import Size
from service.requests import OutpaintingRequest
from worker.jobs.catalog import ModelCard


@dataclass(frozen=True)
class Side:
    """A side of a picture, in pixels, and the margins that it grows by, by their fields."""

    name: str
    length: int
    margins: dict[str, int]

    def extend(self, card: ModelCard) -> int:
        """Its length with the margins. Raises InvalidImage and InvalidRequest."""
        limit, model = card.max_outpainted_side, f"model {card.id}"
        if self.length > limit:
            said = f"should have a {self.name} of at most {limit} for {model}, got {self.length}"
            raise InvalidImage("image", said)
        extended = self.length + sum(self.margins.values())
        if card.min_side <= extended <= limit:
            return extended
        larger = max(self.margins, key=lambda name: self.margins[name])
        allowed = f"{self.name} between {card.min_side} and {limit} for {model}"
        terms = " + ".join(map(str, (self.length, *self.margins.values())))
        said = f"{' and '.join(self.margins)} should give image a {allowed}, got {terms} = {extended}"
        raise InvalidRequest(said, param=larger)

    def check_feather(self, feather: int) -> None:
        """Raise InvalidRequest for a seam that leaves nothing of the picture."""
        num_seams = sum(margin > 0 for margin in self.margins.values())
        if feather * num_seams >= self.length:
            limit = (self.length - 1) // num_seams
            said = f"at most {limit} for image, whose {self.name} is {self.length}, got {feather}"
            raise InvalidRequest(f"feather should be {said}", param="feather")


def extended_size(request: OutpaintingRequest, size: Size, card: ModelCard) -> Size:
    """Width and height of a picture with its margins.

    Raises InvalidRequest for margins that make a side too long or leave it too short, and for a seam that
    leaves nothing of the picture; InvalidImage for a picture that is too large without margins.
    """
    across, down = sides = list(_sides(request, size))
    for side in sides:
        side.check_feather(request.feather)
    return across.extend(card), down.extend(card)


def _sides(request: OutpaintingRequest, size: Size) -> Iterator[Side]:
    yield Side("width", size[0], {"left": request.left, "right": request.right})
    yield Side("height", size[1], {"top": request.top, "bottom": request.bottom})
