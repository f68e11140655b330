"""The API keys, and the secrets by which others know that something is from us."""

import secrets
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from redis import Redis

from worker.jobs.errors import KeyEnded, KeyNotFound
from worker.jobs.job import Priority
from worker.jobs.key import Key, Secret, digest_of, write_token

#: Hash of all keys, by their ids.
KEYS = "keys"
#: What signs the URLs of pictures.
URL_SECRET = "keys:url-secret"
#: Bytes of a secret.
SECRET_BYTES = 32

_Keys = TypeAdapter(dict[str, str])
_Secrets = TypeAdapter(tuple[Secret, ...])
_Text = TypeAdapter(str)


class KeyStore:
    """All keys in one Redis database. Redis failures come out as `redis.exceptions.RedisError`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def create(
        self,
        name: str,
        rate: str | None = None,
        max_active: int | None = None,
        priority: Priority = Priority.INTERACTIVE,
        expires_at: datetime | None = None,
    ) -> tuple[Key, str]:
        """A new key, and the token that is told only now. Raises ValidationError for what cannot be."""
        secret = secrets.token_hex(SECRET_BYTES)
        key = Key(
            id=secrets.token_hex(8),
            name=name,
            rate=rate,
            max_active=max_active,
            priority=priority,
            created_at=datetime.now(UTC),
            expires_at=expires_at,
            digests=(Secret(value=digest_of(secret)),),
        )
        self._redis.hset(KEYS, key.id, key.model_dump_json())
        return key, write_token(key.id, secret)

    def find(self, key_id: str) -> Key | None:
        """The key with this id, good or not; None when there is none."""
        text = self._redis.hget(KEYS, key_id)
        return None if text is None else _read(text)

    def list(self) -> list[Key]:
        """All keys that were ever made, oldest first."""
        texts = _Keys.validate_python(self._redis.hgetall(KEYS))
        keys = [key for key in map(_read, texts.values()) if key is not None]
        return sorted(keys, key=lambda key: key.created_at)

    def rotate(self, key_id: str, overlap_seconds: float) -> str:
        """The token of a new secret; those before it are good for this long.

        Raises KeyNotFound, and KeyEnded for one that was revoked or has expired.
        """
        secret = secrets.token_hex(SECRET_BYTES)

        def renew(key: Key) -> Key:
            if not key.is_good(datetime.now(UTC)):
                raise KeyEnded(key_id, "has expired" if key.revoked_at is None else "was revoked")
            return key.model_copy(
                update={"digests": _renewed(key.digests, digest_of(secret), overlap_seconds)}
            )

        self._change(key_id, renew)
        return write_token(key_id, secret)

    def revoke(self, key_id: str) -> None:
        """Let a key open nothing any more. Raises KeyNotFound."""
        gone = {"revoked_at": datetime.now(UTC), "digests": ()}
        self._change(key_id, lambda key: key if key.revoked_at else key.model_copy(update=gone))

    def webhook_secrets(self, owner: str) -> tuple[str, ...]:
        """What messages to the webhooks of an owner are signed with, newest first; made when first asked."""
        name, now = _webhook_key(owner), datetime.now(UTC)
        text = self._redis.get(name)
        if text is None:
            self._redis.set(name, _Secrets.dump_json((Secret(value=_webhook_secret()),)), nx=True)
            text = self._redis.get(name)
        return tuple(secret.value for secret in _Secrets.validate_json(text or "[]") if secret.is_good(now))

    def rotate_webhook_secret(self, owner: str, overlap_seconds: float) -> str:
        """A new secret, which signs beside those before it for this long, and then alone."""
        new = _webhook_secret()

        def renew(pipeline: Any) -> None:
            past = _Secrets.validate_json(pipeline.get(_webhook_key(owner)) or "[]")
            pipeline.multi()
            pipeline.set(_webhook_key(owner), _Secrets.dump_json(_renewed(past, new, overlap_seconds)))

        self._redis.transaction(renew, _webhook_key(owner))
        return new

    def url_secret(self) -> bytes:
        """What signs the URLs of pictures, the same for every gateway; made when first asked."""
        self._redis.set(URL_SECRET, secrets.token_bytes(SECRET_BYTES).hex(), nx=True)
        return bytes.fromhex(_Text.validate_python(self._redis.get(URL_SECRET)))

    def _change(self, key_id: str, change: Callable[[Key], Key]) -> None:
        def write(pipeline: Any) -> None:
            text = pipeline.hget(KEYS, key_id)
            key = None if text is None else _read(text)
            if key is None:
                raise KeyNotFound(key_id)
            pipeline.multi()
            pipeline.hset(KEYS, key_id, change(key).model_dump_json())

        self._redis.transaction(write, KEYS)


def _read(text: str | bytes) -> Key | None:
    """The key in a record; None for what is not of this version of the program."""
    try:
        return Key.model_validate_json(text)
    except ValidationError:
        return None


def _webhook_key(owner: str) -> str:
    return f"keys:webhook-secrets:{owner}"


def _webhook_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def _renewed(past: tuple[Secret, ...], value: str, overlap_seconds: float) -> tuple[Secret, ...]:
    """A new secret before those that are still good, none of them for longer than the overlap."""
    now = datetime.now(UTC)
    end = now + timedelta(seconds=overlap_seconds)
    ends = [(secret, min(secret.expires_at or end, end)) for secret in past]
    old = [secret.model_copy(update={"expires_at": until}) for secret, until in ends if until > now]
    return (Secret(value=value), *old)
