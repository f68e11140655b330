"""Requests that make a picture larger."""

from typing import Literal

from pydantic import Field

from service.requests.rendering import PictureRequest
from worker.jobs.stages import Kind


class SuperResolutionRequest(PictureRequest):
    """A picture to be made larger."""

    kind = Kind.SUPER_RESOLUTION

    scale: Literal[2, 4] | None = Field(
        default=None, description="How many times as wide and as high; the model's largest if left out."
    )
