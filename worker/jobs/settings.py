"""Settings that gateway and workers share, read from `KANDINSKY_*` variables."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class JobSettings(BaseSettings):
    """Where jobs and pictures live, how processes log, and the rules that all of them must agree on."""

    model_config = SettingsConfigDict(
        env_prefix="KANDINSKY_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    #: The Redis or Valkey database that holds records, events and queues.
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", pattern=r"^(rediss?|unix)://")
    #: Folder of the pictures, as a path or `file://` URL, or any object store URL such as `s3://bucket/prefix`.
    images_url: str = Field(default="file://./data/images", min_length=1)
    #: How long the record and the pictures of an ended job are kept.
    retention_seconds: int = Field(default=86_400, ge=1)
    #: How long a worker may be silent before its jobs go to another one.
    lease_seconds: float = Field(default=15, ge=0.1)
    #: How often a job may be started before it fails.
    max_attempts: int = Field(default=3, ge=1)
    #: How many jobs may wait in one queue.
    max_queue_length: int = Field(default=1_000, ge=1)
    #: Whether prompts are held against the list of blocked words.
    prompt_filter: bool = True
    #: File of the blocked words, in place of the shipped list.
    blocked_words_file: Path | None = None
    #: Networks, as CIDR with commas, that webhooks and fetched pictures may reach though they are private.
    allowed_networks: str | None = None
    #: How log lines look: `console` for people, `json` for machines, `auto` by what standard error is.
    log_format: Literal["auto", "console", "json"] = "auto"

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str) -> str:
        # Both raise ValueError: urlsplit for the host, port for itself.
        _ = urlsplit(url).port
        return url

    @property
    def redis_address(self) -> str:
        """The Redis URL without its password, for messages."""
        return hide_password(self.redis_url)


def hide_password(text: str) -> str:
    """The text without the user and the password of a URL in it."""
    return re.sub(r"//\S*@", "//", text)
