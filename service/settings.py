"""What can be set from outside about the gateway."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from worker.jobs.settings import JobSettings

MIB = 1024 * 1024

_is_host = re.compile(r"[a-z0-9.-]+", re.IGNORECASE).fullmatch
#: Stores that give pictures to whoever has a URL that is signed for them.
_can_sign = re.compile(r"(s3a?|gs|az|adl|azure|abfss?)://").match
_is_origin = re.compile(r"\*|https?://[^/?#@\s,*]+").fullmatch


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
        description="Largest body of a request; base64 takes 4 bytes for 3 of a picture. "
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
        "`service/planning/styles.json`.",
        examples=["/etc/kandinsky/styles.json"],
    )
    max_event_streams: int = Field(
        default=2000,
        ge=1,
        description="Most callers that may follow or wait for jobs at once, half of them with the same API "
        "key; each takes 0.1 MB.",
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
        description="Longest estimated wait at which requests are still taken; unset: until the "
        "queue is full.",
        examples=["120"],
    )
    outlook_seconds: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="How old what the gateway knows of models, workers and queues may be.",
        examples=["0.2"],
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
        description="Bytes of all bodies that are held in memory at a time, half of them with the same API "
        "key; at least `max_body_bytes`.",
        examples=["1073741824"],
    )
    image_url_hosts: str | None = Field(
        default=None,
        description="Hosts, with commas, from which pictures given by URL are fetched; unset: none.",
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
        description="Origins, with commas, whose pages may call; `*` is any, unset: none but our own.",
        examples=["https://app.example.com,http://localhost:5173"],
    )

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("should start with http:// or https://")
        return value and value.rstrip("/")

    @field_validator("max_bodies_bytes")
    @classmethod
    def _check_bodies(cls, value: int, info: ValidationInfo) -> int:
        largest = info.data.get("max_body_bytes", 0)
        if value < largest:
            raise ValueError(f"should be at least max_body_bytes, {largest}, so that such a body fits")
        return value

    @field_validator("image_url_hosts")
    @classmethod
    def _check_hosts(cls, value: str | None) -> str | None:
        wrong = [host for host in value.split(",") if not _is_host(host.strip())] if value else []
        if wrong:
            raise ValueError(f"should be names like images.example.com, with commas, not {wrong[0]!r}")
        return value

    @field_validator("image_delivery")
    @classmethod
    def _check_delivery(cls, value: str, info: ValidationInfo) -> str:
        if value == "presigned" and not _can_sign(info.data.get("images_url", "s3://")):
            raise ValueError("should be proxied unless images_url is that of an object store such as s3://")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_cors_origins(cls, value: str | None) -> str | None:
        wrong = [origin for origin in value.split(",") if not _is_origin(origin)] if value else []
        if wrong:
            raise ValueError(f"should be `*` or like https://app.example.com, with commas, not {wrong[0]!r}")
        return value
