"""What callers ask for, one class for each kind of job."""

import json
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from worker.jobs.job import MAX_SEED, Kind, OutputFormat, Priority

MAX_SIDE = 16384
MAX_FEATHER = 256
MAX_NAME_CHARACTERS = 200
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 32
MAX_DEADLINE_SECONDS = 7 * 86400

AspectRatio = Literal["1:1", "5:4", "4:5", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21"]
#: A file of a picture, as text.
Picture = Annotated[str, Field(min_length=1)]


class RenderingRequest(BaseModel):
    """What every request for pictures has. What is left out is taken from the model's defaults."""

    # Strict: "512" is not a number and true is not 1. A caller who mixes them up should hear of it.
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, frozen=True)

    #: What becomes of it; also the last part of its path.
    kind: ClassVar[Kind]

    model: str | None = Field(
        default=None,
        max_length=MAX_NAME_CHARACTERS,
        description="A model of `GET /v1/models`. If left out: of those that can do it and are served now, "
        "the one with most steps, which is the best rather than the fastest.",
    )
    steps: int | None = Field(default=None, ge=1, description="Evaluations of the network per picture.")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="Equal seeds give equal pictures.")
    output_format: Annotated[OutputFormat, Field(strict=False)] = Field(
        default=OutputFormat.PNG, description="Encoding of the pictures."
    )
    output_quality: int = Field(default=90, ge=1, le=100, description="Of webp and jpeg.")
    priority: Annotated[Priority, Field(strict=False)] = Field(
        default=Priority.INTERACTIVE, description="`batch` gives way to `interactive`."
    )
    deadline_seconds: float | None = Field(
        default=None,
        gt=0,
        le=MAX_DEADLINE_SECONDS,
        allow_inf_nan=False,
        description="If the job has not started by then it ends as `expired`.",
    )
    metadata: dict[str, JsonValue] = Field(
        default={}, description="Returned untouched; at most 16 KiB of JSON."
    )

    @field_validator("metadata", mode="before")
    @classmethod
    def _check_metadata(cls, value: object) -> object:
        if _is_deeper(value, MAX_METADATA_DEPTH):
            raise ValueError(f"should be nested at most {MAX_METADATA_DEPTH} deep")
        # Also refuses NaN and broken Unicode, which JSON cannot carry back.
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
        if size > MAX_METADATA_BYTES:
            raise ValueError(f"should have at most {MAX_METADATA_BYTES} bytes of JSON, has {size}")
        return value


class DrawingRequest(RenderingRequest):
    """A prompt, and how to draw it."""

    prompt: str = Field(min_length=1, description="What the picture shows.", examples=["a red apple"])
    negative_prompt: str | None = Field(default=None, description="What the picture should not show.")
    width: int | None = Field(
        default=None, ge=1, le=MAX_SIDE, description="In pixels, a multiple of the model's."
    )
    height: int | None = Field(
        default=None, ge=1, le=MAX_SIDE, description="In pixels, a multiple of the model's."
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


class TextToImageRequest(DrawingRequest):
    """A prompt, and how to draw it. What is left out is taken from the model's defaults."""

    kind = Kind.TEXT_TO_IMAGE

    aspect_ratio: AspectRatio | None = Field(
        default=None,
        description="Width to height, instead of both: about as many pixels as the model's default size.",
    )

    @model_validator(mode="after")
    def _check_one_size(self) -> Self:
        if self.aspect_ratio and (self.width or self.height):
            raise ValueError("should have aspect_ratio or width and height, not both")
        return self


class PictureRequest(RenderingRequest):
    """A picture, and what to do with it."""

    image: Picture = Field(description="The picture: a PNG, JPEG or WebP file in base64 or as a data URL.")


class InpaintingRequest(DrawingRequest, PictureRequest):
    """A picture, which part of it to draw anew, and what the whole shows.

    Width and height are those of the picture, and need not be given.
    """

    kind = Kind.INPAINTING

    mask: Picture = Field(
        description="Which part to draw anew, as a picture of the same size: what is transparent, "
        "or in a mask without transparency what is white."
    )
    feather: int = Field(
        default=0,
        ge=0,
        le=MAX_FEATHER,
        description="Width in pixels of the seam inside the mask along which old and new are blended.",
    )
    paste_back: bool = Field(
        default=True, description="Whether what is outside the mask stays as it is, pixel by pixel."
    )


class SuperResolutionRequest(PictureRequest):
    """A picture to be made larger."""

    kind = Kind.SUPER_RESOLUTION

    scale: Literal[2, 4] | None = Field(
        default=None, description="How many times as wide and as high; the model's largest if left out."
    )


def _is_deeper(value: object, limit: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(limit == 0 or _is_deeper(child, limit - 1) for child in children)
