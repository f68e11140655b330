"""What callers of OpenAI's picture routes send."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationInfo, WithJsonSchema, field_validator

from service.bodies.forms import Form, decode
from service.errors import InvalidRequest
from service.requests import PictureFile
from worker.jobs.stages import OutputFormat

MAX_PICTURES = 10
MAX_PARTIAL_IMAGES = 3
MAX_USER_CHARACTERS = 512
FULL_QUALITY = 100
#: The fields that are pictures.
FILES = ("image", "mask")
#: How OpenAI's own models are called, most of which answer with base64 and know no URLs.
OPENAI_MODELS = ("dall-e", "gpt-image", "chatgpt-image")
ALWAYS_BASE64 = OPENAI_MODELS[1:]

File = Annotated[InstanceOf[PictureFile], WithJsonSchema({"type": "string", "format": "binary"})]
Quality = Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"]


class ImageRequest(BaseModel):
    """What the requests for new and for edited pictures have in common; null is what was left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    prompt: str = Field(min_length=1, description="What the picture shows.", examples=["a red apple"])
    model: str | None = Field(
        default=None,
        max_length=200,
        description="A model of `GET /v1/models`. OpenAI's own names (`gpt-image-…`, `dall-e-…`) stand for "
        "the best that is served, as if it was left out.",
    )
    n: int | None = Field(default=None, ge=1, le=MAX_PICTURES, description="How many pictures; 1 by default.")
    size: str | None = Field(
        default=None,
        pattern="^(auto|[0-9]{1,5}x[0-9]{1,5})$",
        description="Width x height in pixels, such as `1024x1024`; `auto` leaves it to the model.",
    )
    quality: Quality | None = Field(
        default=None,
        description="Sets the steps: `low` is half the model's default, `high` and `hd` are half as many "
        "again, `xhigh` and `max` twice the default, within its limits.",
    )
    response_format: Literal["url", "b64_json"] | None = Field(
        default=None,
        description="By default `b64_json` for model names that begin with `gpt-image` or `chatgpt-image`, "
        "else `url`. A stream always has base64.",
    )
    output_format: OutputFormat | None = Field(default=None, description="Encoding of the pictures.")
    output_compression: int | None = Field(
        default=None, ge=0, le=FULL_QUALITY, description="Quality of webp and jpeg, in per cent."
    )
    background: Literal["auto", "opaque"] | None = Field(
        default=None, description="No network here draws transparent pictures."
    )
    user: str | None = Field(
        default=None, max_length=MAX_USER_CHARACTERS, description="Kept in the metadata of the job."
    )
    safety_identifier: str | None = Field(
        default=None, max_length=MAX_USER_CHARACTERS, description="Kept in the metadata of the job."
    )
    stream: bool | None = Field(default=None, description="Answer with server-sent events.")
    partial_images: int | None = Field(
        default=None,
        ge=0,
        le=MAX_PARTIAL_IMAGES,
        description="How many previews a stream has at most, before the finished pictures.",
    )
    negative_prompt: str | None = Field(
        default=None, description="Not OpenAI's: what the picture should not show."
    )
    seed: int | None = Field(default=None, description="Not OpenAI's: equal seeds give equal pictures.")
    steps: int | None = Field(default=None, description="Not OpenAI's: takes the place of `quality`.")
    guidance_scale: float | None = Field(
        default=None, description="Not OpenAI's: how closely to follow the prompt."
    )

    @field_validator("output_compression")
    @classmethod
    def _check_compression(cls, compression: int | None, info: ValidationInfo) -> int | None:
        is_png = info.data.get("output_format") in (None, OutputFormat.PNG)
        if is_png and compression not in (None, FULL_QUALITY):
            raise ValueError("should be left out for png, which loses nothing")
        return compression

    @property
    def wants_base64(self) -> bool:
        """Whether the pictures are to be in the answer, not their URLs."""
        if self.response_format is not None:
            return self.response_format == "b64_json"
        return self.model is not None and self.model.startswith(ALWAYS_BASE64)


class GenerationRequest(ImageRequest):
    """Pictures of a prompt."""

    moderation: Literal["auto", "low"] | None = Field(
        default=None, description="Changes nothing: the rules are those of the operator."
    )
    style: str | None = Field(
        default=None,
        max_length=200,
        description="A style of `GET /v1/styles`; `vivid` and `natural` change nothing.",
    )


class EditRequest(ImageRequest):
    """A picture drawn again after a prompt, or a part of it drawn anew; sent as a form."""

    image: File = Field(
        description="The picture: a PNG, JPEG or WebP file. It may be called `image[]` as well."
    )
    mask: File | None = Field(
        default=None,
        description="A picture of the same size; what is transparent in it is drawn anew, or, if nothing "
        "is, what is white. Without one the whole picture is drawn again.",
    )
    input_fidelity: Literal["low", "high"] | None = Field(
        default=None, description="Without a mask: sets `strength` to 0.7 or 0.4; `low` by default."
    )
    strength: float | None = Field(
        default=None, description="Not OpenAI's, without a mask: how much is drawn anew, above 0 to 1."
    )

    @field_validator("strength")
    @classmethod
    def _check_strength(cls, strength: float | None, info: ValidationInfo) -> float | None:
        if strength is not None and info.data.get("mask") is not None:
            raise ValueError("should be left out with a mask, whose part is drawn all anew")
        return strength


def read_edit(form: Form) -> dict[str, object]:
    """The fields of an `EditRequest` in a form, without texts that are empty. Raises InvalidRequest."""
    fields: dict[str, object] = {}
    for given, value in form:
        name = "image" if given == "image[]" else given
        if name in fields:
            raise InvalidRequest(f"{name} should be given once, got more", param=name)
        # A picture that is empty has gone wrong: without its mask an edit would be another one.
        if name in FILES:
            fields[name] = _file(value)
        elif value:
            fields[name] = value if isinstance(value, str) else decode(name, value)
    return fields


def _file(value: str | bytes) -> PictureFile:
    return PictureFile(value if isinstance(value, bytes) else value.encode())
