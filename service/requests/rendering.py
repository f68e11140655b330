"""What every request for pictures has."""

from typing import Annotated

from pydantic import Field

from service.requests.job import JobRequest
from service.requests.picture import Picture
from worker.jobs.stages import OutputFormat


class RenderingRequest(JobRequest):
    """How pictures are made, and what they are stored as."""

    steps: int | None = Field(
        default=None,
        ge=1,
        description="Evaluations of the network per picture. With sampler `kandinsky` some numbers give a "
        "few less, as its published timesteps are evenly spaced: 150 gives 143.",
    )
    refine: int | None = Field(
        default=None,
        ge=1,
        le=2,
        description="Go over each finished picture in so many of the last steps of Kandinsky 3.1 Flash: over "
        "the whole picture, also where it would otherwise stay as it was given.",
    )
    output_format: Annotated[OutputFormat, Field(strict=False)] = Field(
        default=OutputFormat.PNG, description="Encoding of the pictures."
    )
    output_quality: int = Field(default=90, ge=1, le=100, description="Of webp and jpeg.")


class PictureRequest(RenderingRequest):
    """A picture, and what to do with it."""

    image: Picture = Field(
        description="The picture: a PNG, JPEG or WebP file in base64 or as a data URL; one that was "
        "uploaded, by its id; or one that a job has made."
    )
