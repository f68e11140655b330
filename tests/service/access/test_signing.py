"""Signed URLs of pictures."""

import re
import time

import pytest

from service.access.signing import UrlSigner

SIGNER = UrlSigner(b"secret", seconds=7200)


def read(query: str) -> tuple[int, str]:
    match = re.fullmatch(r"expires=(\d+)&signature=([A-Za-z0-9_-]{43})", query)
    assert match is not None
    return int(match[1]), match[2]


def test_a_signed_url_is_good_for_its_picture_alone() -> None:
    expires, signature = read(SIGNER.query("job_a-0"))
    assert SIGNER.is_good("job_a-0", expires, signature)
    assert not SIGNER.is_good("job_a-1", expires, signature)


def test_another_expiry_signature_or_secret_is_not_good() -> None:
    expires, signature = read(SIGNER.query("x"))
    assert not SIGNER.is_good("x", expires + 1, signature)
    assert not SIGNER.is_good("x", expires, signature[:-1])
    assert not SIGNER.is_good("x", expires, "é")
    assert not UrlSigner(b"other", 7200).is_good("x", expires, signature)


def test_an_expired_url_is_not_good(monkeypatch: pytest.MonkeyPatch) -> None:
    expires, signature = read(SIGNER.query("x"))
    monkeypatch.setattr(time, "time", lambda: float(expires))
    assert not SIGNER.is_good("x", expires, signature)


@pytest.mark.parametrize(
    ("seconds", "now", "expires"),
    [(7200, 36_000, 43_200), (7200, 36_001, 46_800), (7200, 39_599.9, 46_800), (90, 36_001, 36_180)],
)
def test_an_expiry_is_rounded_up_so_that_urls_repeat(
    monkeypatch: pytest.MonkeyPatch, seconds: int, now: float, expires: int
) -> None:
    monkeypatch.setattr(time, "time", lambda: now)
    assert read(UrlSigner(b"secret", seconds).query("x"))[0] == expires


def test_the_secret_is_not_shown() -> None:
    assert "secret=" not in repr(SIGNER)
