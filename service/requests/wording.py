"""What every request with a prompt has."""

from pydantic import Field

from service.requests.job import MAX_NAME_CHARACTERS, JobRequest


class WordedRequest(JobRequest):
    """A prompt, and the style that it is put in."""

    prompt: str = Field(min_length=1, description="What the picture shows.", examples=["a red apple"])
    style: str | None = Field(
        default=None, max_length=MAX_NAME_CHARACTERS, description="Name of a style of `GET /v1/styles`."
    )
