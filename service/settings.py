"""What can be set from outside about the gateway."""

from pathlib import Path

from pydantic import Field, field_validator

from worker.jobs.settings import JobSettings

MIB = 1024 * 1024


class GatewaySettings(JobSettings):
    """The settings of one gateway process, read from `KANDINSKY_*` variables once, when it starts."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    redis_timeout_seconds: float = Field(
        default=1.5,
        gt=0,
        description="How long Redis may take to answer before a request is told `unavailable`.",
    )
    max_prompt_characters: int = Field(
        default=1000, ge=1, description="Longest prompt, and longest negative prompt, in characters."
    )
    max_body_bytes: int = Field(
        default=32 * MIB,
        ge=1,
        description="Largest JSON body of a request, in bytes; base64 takes 4 bytes for 3 of a picture.",
    )
    max_image_bytes: int = Field(
        default=20 * MIB, ge=1, description="Largest file of a picture in a request, in bytes."
    )
    max_image_pixels: int = Field(
        default=4096 * 4096, ge=1, description="Most pixels of a picture in a request, width x height."
    )
    styles_file: Path | None = Field(
        default=None, description="JSON file of the styles, in place of the shipped ones."
    )
    max_event_streams: int = Field(
        default=1000,
        ge=1,
        description="Most callers that may follow or wait for jobs at once; each costs a connection.",
    )
    public_url: str | None = Field(
        default=None,
        description="Address that callers see, for the URLs in answers; None takes it from the request.",
    )

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("should start with http:// or https://")
        return value and value.rstrip("/")
