"""An API key, its token, and what of both may be shown."""

from datetime import UTC, datetime

import pytest

from worker.jobs.key import Key, Secret, digest_of, read_token, write_token

ID, SECRET = "0123456789abcdef", "a" * 64
KEY = Key(id=ID, name="studio", created_at=datetime.now(UTC), digests=(Secret(value=digest_of(SECRET)),))


def test_a_token_is_read_as_it_was_written() -> None:
    credentials = read_token(write_token(ID, SECRET))
    assert credentials is not None
    assert credentials.key_id == ID
    assert (credentials.open(KEY), credentials.open(None)) == (True, False)


@pytest.mark.parametrize(
    "text", ["", "kdsk__", "sk-" + "0" * 48, f"kdsk_{'G' * 16}_{'0' * 64}", f"kdsk_{ID}_{SECRET}\n"]
)
def test_what_is_no_token_is_not_read(text: str) -> None:
    assert read_token(text) is None


def test_neither_secrets_nor_digests_are_shown() -> None:
    credentials = read_token(write_token(ID, SECRET))
    shown = f"{KEY} {KEY!r} {KEY.digests} {credentials}"
    assert ID in shown
    assert [text for text in (SECRET, digest_of(SECRET)) if text in shown] == []
