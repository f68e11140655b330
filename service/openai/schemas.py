"""What callers of OpenAI's picture routes get."""

from typing import Literal

from pydantic import BaseModel, Field

from worker.jobs.stages import OutputFormat

#: What the names of all events of a route begin with.
Verb = Literal["image_generation", "image_edit"]


class ImageData(BaseModel):
    """One finished picture."""

    url: str | None = None
    b64_json: str | None = None
    revised_prompt: str | None = Field(
        default=None, description="What a language model has made of the prompt, if one was asked."
    )


class ImagesResponse(BaseModel):
    """The pictures of a request, without those that the picture filter has censored."""

    created: int = Field(description="Unix time in seconds.")
    data: list[ImageData]
    background: Literal["opaque"] = "opaque"
    output_format: OutputFormat
    quality: str | None = Field(default=None, description="As it was asked for.")
    size: str = Field(description="Width x height in pixels.")


class TokenDetails(BaseModel):
    """Always zero: nothing here is counted in tokens."""

    image_tokens: int = 0
    text_tokens: int = 0


class Usage(BaseModel):
    """Always zero: nothing here is counted in tokens."""

    input_tokens: int = 0
    input_tokens_details: TokenDetails = TokenDetails()
    output_tokens: int = 0
    total_tokens: int = 0


class ImageEvent(BaseModel):
    """A picture in a stream: a preview, or a finished one."""

    type: str = Field(description="`….partial_image` or `….completed`, after the name of the route.")
    b64_json: str
    background: Literal["opaque"] = "opaque"
    created_at: int = Field(description="Unix time in seconds.")
    output_format: OutputFormat
    quality: str
    size: str = Field(description="Width x height in pixels of the finished picture.")
    partial_image_index: int | None = Field(default=None, description="Of a preview: 0, 1 or 2.")
    usage: Usage | None = Field(default=None, description="Of a finished picture.")
