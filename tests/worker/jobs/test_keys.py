"""API keys in a real Valkey: what opens them, and for how long."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from redis import Redis

from worker.jobs.errors import KeyEnded, KeyNotFound
from worker.jobs.job import Priority
from worker.jobs.key import read_token
from worker.jobs.keys import KeyStore


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


def opens(keys: KeyStore, token: str) -> bool:
    credentials = read_token(token)
    assert credentials is not None
    return credentials.open(keys.find(credentials.key_id))


def test_a_key_is_found_as_it_was_made_and_its_token_opens_it(keys: KeyStore) -> None:
    key, token = keys.create("studio", rate="60/minute", max_active=4, priority=Priority.BATCH)
    assert keys.find(key.id) == key
    assert (key.name, key.rate, key.max_active, key.priority) == ("studio", "60/minute", 4, "batch")
    assert token.startswith(f"kdsk_{key.id}_")
    assert opens(keys, token)


def test_redis_never_holds_a_token_nor_its_secret(keys: KeyStore, redis: Redis) -> None:
    _, token = keys.create("studio")
    secret = token.rpartition("_")[2].encode()
    assert not any(secret in text for text in redis.hvals("keys"))


def test_another_secret_another_id_and_the_secret_of_another_key_open_nothing(keys: KeyStore) -> None:
    (key, token), (_, other) = keys.create("one"), keys.create("two")
    wrong = [f"kdsk_{key.id}_{'0' * 64}", f"kdsk_{'0' * 16}_{token[-64:]}", f"kdsk_{key.id}_{other[-64:]}"]
    assert [opens(keys, token) for token in wrong] == [False, False, False]


@pytest.mark.parametrize("seconds", [60, 0])
def test_a_rotated_key_opens_by_its_old_token_for_the_overlap(keys: KeyStore, seconds: float) -> None:
    key, old = keys.create("studio")
    new = keys.rotate(key.id, overlap_seconds=seconds)
    assert new.startswith(f"kdsk_{key.id}_")
    assert (opens(keys, old), opens(keys, new)) == (seconds > 0, True)


def test_a_second_rotation_does_not_lengthen_the_life_of_the_first_token(keys: KeyStore) -> None:
    key, first = keys.create("studio")
    keys.rotate(key.id, overlap_seconds=60)
    keys.rotate(key.id, overlap_seconds=3600)
    changed = keys.find(key.id)
    assert changed is not None
    newest, _, oldest = (digest.expires_at for digest in changed.digests)
    assert newest is None
    assert oldest is not None
    assert oldest < datetime.now(UTC) + timedelta(seconds=61)
    assert opens(keys, first)


def test_a_revoked_key_opens_nothing_and_stays_listed(keys: KeyStore) -> None:
    (key, token), (other, _) = keys.create("one"), keys.create("two")
    keys.revoke(key.id)
    assert not opens(keys, token)
    assert [(each.id, each.revoked_at is None) for each in keys.list()] == [(key.id, False), (other.id, True)]


def test_a_revoked_key_gets_no_new_token(keys: KeyStore) -> None:
    key, _ = keys.create("studio")
    keys.revoke(key.id)
    with pytest.raises(KeyEnded, match=f"API key '{key.id}' was revoked and stays so"):
        keys.rotate(key.id, overlap_seconds=0)


def test_an_expired_key_gets_no_token_that_would_open_nothing(keys: KeyStore) -> None:
    key, _ = keys.create("studio", expires_at=datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(KeyEnded, match=f"API key '{key.id}' has expired and stays so"):
        keys.rotate(key.id, overlap_seconds=0)


@pytest.mark.parametrize(("days", "is_open"), [(1, True), (-1, False)])
def test_a_key_opens_until_it_expires(keys: KeyStore, days: int, is_open: bool) -> None:
    _, token = keys.create("studio", expires_at=datetime.now(UTC) + timedelta(days=days))
    assert opens(keys, token) is is_open


@pytest.mark.parametrize("change", [KeyStore.revoke, lambda keys, key_id: keys.rotate(key_id, 0)])
def test_a_key_that_is_not_there_cannot_be_changed(keys: KeyStore, change: object) -> None:
    assert callable(change)
    with pytest.raises(KeyNotFound, match="no API key has the id 'nobody'"):
        change(keys, "nobody")


@pytest.mark.parametrize(
    "wrong", [{"name": "a\nb"}, {"rate": "60"}, {"rate": "0/minute"}, {"rate": "5/year"}, {"max_active": 0}]
)
def test_what_a_key_cannot_be_is_refused(keys: KeyStore, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        keys.create(**{"name": "studio", **wrong})
    assert keys.list() == []


def test_a_key_of_another_version_opens_nothing_and_breaks_nothing(keys: KeyStore, redis: Redis) -> None:
    key, _ = keys.create("studio")
    redis.hset("keys", "later", '{"id": "later", "quota": 5}')
    assert (keys.find("later"), keys.list()) == (None, [key])


@pytest.mark.parametrize("owner", ["", "0123456789abcdef"])
def test_an_owner_has_one_webhook_secret_from_the_first_question_on(keys: KeyStore, owner: str) -> None:
    secret, *others = keys.webhook_secrets(owner)
    assert (keys.webhook_secrets(owner), others) == ((secret,), [])
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    assert keys.webhook_secrets("another") != (secret,)


def test_a_rotated_webhook_secret_signs_beside_the_old_one_and_then_alone(keys: KeyStore) -> None:
    [old] = keys.webhook_secrets("studio")
    new = keys.rotate_webhook_secret("studio", overlap_seconds=60)
    assert keys.webhook_secrets("studio") == (new, old)
    newest = keys.rotate_webhook_secret("studio", overlap_seconds=0)
    assert keys.webhook_secrets("studio") == (newest,)


def test_all_gateways_sign_urls_with_one_secret(keys: KeyStore, redis: Redis) -> None:
    assert keys.url_secret() == KeyStore(redis).url_secret()
    assert len(keys.url_secret()) == 32
