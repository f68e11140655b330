"""What callers see of what they asked for: without the keys of its pictures, which are nobody's but ours."""

from typing import Any, Literal

from worker.jobs.stages import (
    Beautification,
    Drawing,
    Encoding,
    ImageToImage,
    Inpainting,
    Kind,
    Outpainting,
    Refinement,
    Rendering,
    Stage,
    SuperResolution,
    TextToImage,
)
from worker.jobs.value import Value


class PictureSize(Value):
    """A picture of the request, of which no more than its size is told."""

    width: int
    height: int


class ImageToImageInput(Drawing):
    """An image-to-image request with every default filled in; the picture is told as it is drawn over."""

    kind: Literal[Kind.IMAGE_TO_IMAGE]
    image: PictureSize
    strength: float


class InpaintingInput(Drawing):
    """An inpainting request with every default filled in."""

    kind: Literal[Kind.INPAINTING]
    image: PictureSize
    mask: PictureSize
    drawn_width: int
    drawn_height: int
    dilation: int
    feather: int
    paste_back: bool


class OutpaintingInput(Drawing):
    """An outpainting request with every default filled in; width and height are those of the result."""

    kind: Literal[Kind.OUTPAINTING]
    image: PictureSize
    left: int
    right: int
    top: int
    bottom: int
    drawn_width: int
    drawn_height: int
    feather: int


class SuperResolutionInput(Rendering):
    """A super-resolution request with every default filled in; width and height are those of the result."""

    kind: Literal[Kind.SUPER_RESOLUTION]
    image: PictureSize
    scale: int


Input = (
    TextToImage
    | ImageToImageInput
    | InpaintingInput
    | OutpaintingInput
    | SuperResolutionInput
    | Beautification
)


def show_input(asked: Stage) -> Input:
    """The stage that was asked for, as its owner sees it."""
    fields: dict[str, Any] = dict(asked)
    match asked:
        case TextToImage() | Beautification():
            return asked
        case ImageToImage(width=width, height=height):
            return ImageToImageInput(**{**fields, "image": PictureSize(width=width, height=height)})
        case Inpainting(width=width, height=height):
            size = PictureSize(width=width, height=height)
            return InpaintingInput(**{**fields, "image": size, "mask": size})
        case Outpainting():
            width = asked.width - asked.left - asked.right
            height = asked.height - asked.top - asked.bottom
            return OutpaintingInput(**{**fields, "image": PictureSize(width=width, height=height)})
        case SuperResolution(width=width, height=height, scale=scale):
            size = PictureSize(width=width // scale, height=height // scale)
            return SuperResolutionInput(**{**fields, "image": size})
        case Refinement() | Encoding():
            raise TypeError(f"nobody asks for {asked.kind} alone")
