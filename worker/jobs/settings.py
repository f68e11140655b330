"""Settings that gateway and workers share, read from `KANDINSKY_*` variables."""

from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class JobSettings(BaseSettings):
    """Where jobs and pictures live, and the rules that all processes must agree on."""

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

    @property
    def redis_address(self) -> str:
        """The Redis URL without its password, for messages."""
        parts = urlsplit(self.redis_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
