"""Settings that gateway and workers share, read from `KANDINSKY_*` variables."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.jobs.addresses import parse_networks


class JobSettings(BaseSettings):
    """Where jobs and pictures live, how processes log, and the rules that all of them must agree on."""

    model_config = SettingsConfigDict(
        env_prefix="KANDINSKY_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        pattern=r"^(rediss?|unix)://",
        # Either may hold a password.
        repr=False,
        description="Redis or Valkey: jobs, events, queues; `rediss://` for TLS.",
        examples=["rediss://:secret@redis.example.com:6379/0"],
    )
    images_url: str = Field(
        default="file://./data/images",
        min_length=1,
        repr=False,
        description="Where pictures are kept: a folder, `s3://`, `gs://` or `az://`.",
        examples=["s3://pictures/kandinsky"],
    )
    retention_seconds: int = Field(
        default=86_400,
        ge=1,
        description="How long an ended job and its pictures are kept.",
        examples=["604800"],
    )
    lease_seconds: float = Field(
        default=15,
        ge=0.1,
        description="How long a worker may be silent before its jobs go to another one.",
        examples=["30"],
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        description="How often a job may be started before it fails; the last time, it has its worker for "
        "itself.",
        examples=["5"],
    )
    max_queue_length: int = Field(
        default=1_000,
        ge=1,
        description="How many jobs may wait in one queue before requests get 429, those of lower priority "
        "aside; an API key without a limit of its own may have half as many.",
        examples=["5000"],
    )
    prompt_filter: bool = Field(
        default=True,
        description="Whether prompts are held against the list of blocked words.",
        examples=["false"],
    )
    blocked_words_file: Path | None = Field(
        default=None,
        description="File of the blocked words, in place of the shipped list.",
        examples=["/etc/kandinsky/blocked_words.txt"],
    )
    allowed_networks: str | None = Field(
        default=None,
        description="Networks, as CIDR with commas, that webhooks and fetched pictures may reach though they "
        "are private.",
        examples=["10.1.0.0/16,192.168.7.0/24"],
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="`console` or `json`; `auto` is console on a terminal.",
        examples=["json"],
    )

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str) -> str:
        try:
            # Both raise ValueError: urlsplit for the host, port for itself.
            _ = urlsplit(url).port
        except ValueError:
            # What they say has a part of the password in it, when that has been taken for the port.
            raise ValueError(
                "should be like redis://:password@host:6379/0, with / ? # of a password as %2F %3F %23"
            ) from None
        return url

    @field_validator("allowed_networks")
    @classmethod
    def _check_allowed_networks(cls, networks: str | None) -> str | None:
        parse_networks(networks)
        return networks

    @property
    def redis_address(self) -> str:
        """The Redis URL without its password, for messages."""
        return hide_password(self.redis_url)


def hide_password(text: str) -> str:
    """The text without the user and the password of a URL in it."""
    return re.sub(r"(?<=[?&]password=)[^&\s]*", "***", re.sub(r"//\S*@", "//", text))
