"""Requests for pictures of a prompt."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from service.requests.job import MAX_NAME_CHARACTERS
from service.requests.rendering import PictureRequest, RenderingRequest
from service.requests.wording import WordedRequest
from worker.jobs.stages import Kind

MAX_SIDE = 16384

AspectRatio = Literal["1:1", "5:4", "4:5", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21"]


class DrawingRequest(RenderingRequest, WordedRequest):
    """A prompt, how to draw it, and what is done before and after."""

    negative_prompt: str | None = Field(default=None, description="What the picture should not show.")
    beautify: bool = Field(
        default=False, description="Let a language model make the prompt richer, and draw what it says."
    )
    upscale: Literal[2, 4] | None = Field(
        default=None, description="Make each finished picture so many times as wide and as high."
    )
    num_images: int = Field(default=1, ge=1, description="How many pictures of the prompt.")
    guidance_scale: float | None = Field(
        default=None,
        ge=1,
        allow_inf_nan=False,
        description="How closely to follow the prompt; 1 is no guidance.",
    )
    sampler: str | None = Field(
        default=None, max_length=MAX_NAME_CHARACTERS, description="One of the model's samplers."
    )


class ShapedRequest(DrawingRequest):
    """A drawing of which the caller may choose the size, or the shape alone."""

    width: int | None = Field(
        default=None, ge=1, le=MAX_SIDE, description="In pixels, a multiple of the model's."
    )
    height: int | None = Field(
        default=None, ge=1, le=MAX_SIDE, description="In pixels, a multiple of the model's."
    )
    aspect_ratio: AspectRatio | None = Field(
        default=None,
        description="Width to height, instead of both: about as many pixels as the model's default size.",
    )

    @field_validator("aspect_ratio")
    @classmethod
    def _check_one_size(cls, ratio: AspectRatio | None, info: ValidationInfo) -> AspectRatio | None:
        if ratio and (info.data.get("width") or info.data.get("height")):
            raise ValueError("should be left out when width or height is given")
        return ratio


class TextToImageRequest(ShapedRequest):
    """A prompt, and how to draw it. What is left out is taken from the model's defaults."""

    kind = Kind.TEXT_TO_IMAGE


class ImageToImageRequest(ShapedRequest, PictureRequest):
    """A picture, what it is to show, and how far it may change.

    It is cut and scaled to the size that is drawn: by default its own if the model can draw it, else one of
    about its shape.
    """

    kind = Kind.IMAGE_TO_IMAGE

    strength: float | None = Field(
        default=None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Which share of the way from noise to picture is taken anew: near 0 the picture stays "
        "nearly as it is, at 1 next to nothing of it is left.",
    )
