"""Requests that draw a part of a picture: within it, or beyond its edges."""

from pydantic import Field, ValidationInfo, field_validator

from service.requests.drawing import MAX_SIDE, DrawingRequest
from service.requests.picture import Picture
from service.requests.rendering import PictureRequest
from worker.jobs.stages import Kind

MAX_FEATHER = 256
MAX_DILATION = 64


class InpaintingRequest(DrawingRequest, PictureRequest):
    """A picture, which part of it to draw anew, and what the whole shows.

    Width and height are those of the picture, and need not be given.
    """

    kind = Kind.INPAINTING

    mask: Picture = Field(
        description="Which part to draw anew, as a picture of the same size: what is transparent, "
        "or in a mask without transparency what is white. What is between is blended."
    )
    width: int | None = Field(default=None, ge=1, le=MAX_SIDE, description="That of the picture, in pixels.")
    height: int | None = Field(default=None, ge=1, le=MAX_SIDE, description="That of the picture, in pixels.")
    dilation: int = Field(
        default=0, ge=0, le=MAX_DILATION, description="By how many pixels the mask grows on every side."
    )
    feather: int = Field(
        default=0,
        ge=0,
        le=MAX_FEATHER,
        description="Width in pixels of the seam inside the mask along which old and new are blended.",
    )
    paste_back: bool = Field(
        default=True,
        description="Whether what is outside the mask stays as it is, pixel by pixel. After that, "
        "`refine` and `upscale` go over the whole picture.",
    )


class OutpaintingRequest(DrawingRequest, PictureRequest):
    """A picture, by how many pixels it grows on each side, and what the whole shows."""

    kind = Kind.OUTPAINTING

    left: int = Field(default=0, ge=0, le=MAX_SIDE, description="Pixels that are drawn on the left of it.")
    right: int = Field(default=0, ge=0, le=MAX_SIDE, description="Pixels that are drawn on the right of it.")
    top: int = Field(default=0, ge=0, le=MAX_SIDE, description="Pixels that are drawn above it.")
    bottom: int = Field(
        default=0, ge=0, le=MAX_SIDE, validate_default=True, description="Pixels that are drawn below it."
    )
    feather: int = Field(
        default=0,
        ge=0,
        le=MAX_FEATHER,
        description="Width in pixels of the seam along which old and new are blended.",
    )

    @field_validator("bottom")
    @classmethod
    def _check_margins(cls, bottom: int, info: ValidationInfo) -> int:
        # What is not in the data is wrong by itself.
        if not bottom and not any(info.data.get(name, 1) for name in ("left", "right", "top")):
            raise ValueError("should be above 0 when left, right and top are 0")
        return bottom
