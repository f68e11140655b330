"""What can be set from outside about the gateway."""

from pathlib import Path
from typing import Literal

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

    auth: Literal["auto", "keys", "none"] = Field(
        default="auto",
        description="Whether callers need an API key: `auto` means not on a loopback address, else yes.",
    )
    max_wait_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Longest estimated wait at which requests are still taken; None takes them until the "
        "queue is full.",
    )
    idempotency_seconds: int = Field(
        default=86_400, ge=1, description="How long an `Idempotency-Key` stands for its first request."
    )
    body_timeout_seconds: float = Field(
        default=30, gt=0, description="How long a caller may pause while sending a body."
    )
    max_bodies_bytes: int = Field(
        default=256 * MIB, ge=1, description="Bytes of all bodies that are held in memory at a time."
    )
    image_url_hosts: str | None = Field(
        default=None,
        description="Hosts, with commas, from which pictures given by URL are fetched; None refuses URLs.",
    )
    image_delivery: Literal["proxied", "presigned"] = Field(
        default="proxied",
        description="Whether pictures of an object store pass through the gateway, or callers go there.",
    )
    url_seconds: int = Field(
        default=86_400, ge=60, description="How long the URL of a picture is good without an API key."
    )
    cors_origins: str | None = Field(
        default=None, description="Origins, with commas, whose pages may call; `*` is any, None is none."
    )

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("should start with http:// or https://")
        return value and value.rstrip("/")
