"""An API key: who asks, how much they may, and what proves that it is them."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field, field_validator

from worker.jobs.job import Priority
from worker.jobs.value import Value

#: Nothing that could spoil a log line or a table.
_is_name = re.compile(r"[\w.@:/+ -]{1,64}").fullmatch
_is_rate = re.compile(r"[1-9][0-9]{0,4}/(second|minute|hour|day)").fullmatch
_token = re.compile(r"kdsk_([0-9a-f]{16})_([0-9a-f]{64})").fullmatch
#: Takes the place of the digest of a key that is not there, so that looking takes as long.
_NO_DIGEST = "0" * 64


class Secret(Value):
    """A secret, or the SHA-256 of one that only its owner knows."""

    value: str = Field(repr=False)
    #: None for the newest; when an older one stops to be good.
    expires_at: AwareDatetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it is believed at this time."""
        return self.expires_at is None or now < self.expires_at


class Key(Value):
    """One API key: its id is the owner of the jobs that come with it."""

    id: str
    name: str
    #: How many requests for jobs may come in a time, as in "60/minute"; None is no limit.
    rate: str | None = None
    #: How many of its jobs may be queued or running at a time; None is half as many as may wait in one queue.
    max_active: int | None = Field(default=None, ge=1)
    #: The highest priority that it is granted.
    priority: Priority = Priority.INTERACTIVE
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    #: SHA-256 of its secrets, newest first.
    digests: tuple[Secret, ...] = Field(repr=False)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _is_name(name):
            raise ValueError("should have 1 to 64 letters, digits, spaces or any of . @ : / + - _")
        return name

    @field_validator("rate")
    @classmethod
    def _check_rate(cls, rate: str | None) -> str | None:
        if rate is not None and not _is_rate(rate):
            raise ValueError("should be 1 to 99999 per second, minute, hour or day, such as 60/minute")
        return rate

    def is_good(self, now: datetime) -> bool:
        """Whether it opens anything at this time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True)
class Credentials:
    """What a caller proves a key with."""

    key_id: str
    #: SHA-256 of the secret, which itself is kept nowhere.
    digest: str = field(repr=False)

    def open(self, key: Key | None) -> bool:
        """Whether they open the key, None being one that is not there; takes the same time in any case."""
        now = datetime.now(UTC)
        digests = [secret.value for secret in key.digests if secret.is_good(now)] if key else []
        matches = [hmac.compare_digest(self.digest, digest) for digest in digests or [_NO_DIGEST]]
        return key is not None and key.is_good(now) and any(matches)


def read_token(token: str) -> Credentials | None:
    """What a key as it was printed proves; None for what cannot be one."""
    match = _token(token)
    return match and Credentials(match[1], digest_of(match[2]))


def write_token(key_id: str, secret: str) -> str:
    """A key as it is printed."""
    return f"kdsk_{key_id}_{secret}"


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
