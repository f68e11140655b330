"""What can be set from outside about the gateway."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from worker.jobs.settings import JobSettings

MIB = 1024 * 1024


class GatewaySettings(JobSettings):
    """The settings of one gateway process, read from `KANDINSKY_*` variables once, when it starts."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on.",
        examples=["0.0.0.0"],
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="TCP port to listen on.",
        examples=["80"],
    )
    redis_timeout_seconds: float = Field(
        default=1.5,
        gt=0,
        description="How long Redis may take before a request gets 503.",
        examples=["3"],
    )
    max_prompt_characters: int = Field(
        default=1000,
        ge=1,
        description="Longest prompt, and longest negative prompt.",
        examples=["2000"],
    )
    max_body_bytes: int = Field(
        default=32 * MIB,
        ge=1,
        description="Largest JSON body of a request; base64 takes 4 bytes for 3 of a picture. "
        "`client_max_body_size` of the proxy goes with it.",
        examples=["67108864"],
    )
    max_image_bytes: int = Field(
        default=20 * MIB,
        ge=1,
        description="Largest file of a picture in a request.",
        examples=["41943040"],
    )
    max_image_pixels: int = Field(
        default=4096 * 4096,
        ge=1,
        description="Most pixels of a picture in a request, width x height.",
        examples=["4194304"],
    )
    styles_file: Path | None = Field(
        default=None,
        description="JSON file of the styles that prompts can be put in; unset: the shipped ones, "
        "`service/styles.json`.",
        examples=["/etc/kandinsky/styles.json"],
    )
    max_event_streams: int = Field(
        default=1000,
        ge=1,
        description="Most callers that may follow or wait for jobs at once.",
        examples=["500"],
    )
    public_url: str | None = Field(
        default=None,
        description="Address that callers see, for the URLs in answers; unset: the one they called.",
        examples=["https://pictures.example.com"],
    )

    auth: Literal["auto", "keys", "none"] = Field(
        default="auto",
        description="Whether callers need an API key: `auto` means not on a loopback address, else yes.",
        examples=["keys"],
    )
    max_wait_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Longest estimated wait at which requests are still taken; None takes them until the "
        "queue is full.",
        examples=["120"],
    )
    idempotency_seconds: int = Field(
        default=86_400,
        ge=1,
        description="How long an `Idempotency-Key` stands for its first request.",
        examples=["3600"],
    )
    body_timeout_seconds: float = Field(
        default=30,
        gt=0,
        description="How long a caller may pause while sending a body.",
        examples=["10"],
    )
    max_bodies_bytes: int = Field(
        default=256 * MIB,
        ge=1,
        description="Bytes of all bodies that are held in memory at a time.",
        examples=["1073741824"],
    )
    image_url_hosts: str | None = Field(
        default=None,
        description="Hosts, with commas, from which pictures given by URL are fetched; None refuses URLs.",
        examples=["images.example.com,cdn.example.com"],
    )
    image_delivery: Literal["proxied", "presigned"] = Field(
        default="proxied",
        description="Whether pictures of an object store pass through the gateway, or callers go there.",
        examples=["presigned"],
    )
    url_seconds: int = Field(
        default=86_400,
        ge=60,
        description="How long the URL of a picture is good without an API key.",
        examples=["3600"],
    )
    cors_origins: str | None = Field(
        default=None,
        description="Origins, with commas, whose pages may call; `*` is any, None is none.",
        examples=["https://app.example.com,http://localhost:5173"],
    )

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("should start with http:// or https://")
        return value and value.rstrip("/")
