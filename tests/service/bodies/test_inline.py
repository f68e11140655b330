"""Pictures as text: base64 and data URLs."""

import re

import pytest

from service.bodies.inline import decode, is_address
from service.errors import InvalidImage, PayloadTooLarge
from tests.pictures import as_text

MAX_BYTES = 1000


@pytest.mark.parametrize(
    "head", ["", "data:image/png;base64,", "DATA:;base64,", "data:image/jpeg;name=a.jpg;base64,"]
)
def test_a_file_is_read(head: str) -> None:
    assert decode(head + as_text(b"a file"), "image", MAX_BYTES) == b"a file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("iVBORw0KGgo", "base64 or a data URL: Incorrect padding"),
        ("iVBO\nRw0K", "base64 or a data URL"),
        ("_-_-", "base64 or a data URL"),
        ("рыжий кот", "base64 or a data URL"),
        ("data:image/png,abc", "should be one of base64"),
        ("data:image/png;base64", "should be one of base64"),
    ],
)
def test_text_that_is_no_file_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidImage, match=rf"^mask .*{re.escape(said)}"):
        decode(text, "mask", MAX_BYTES)


@pytest.mark.parametrize("num_bytes", [1001, 1002, 1003, 10_000])
def test_too_many_bytes_are_refused(num_bytes: int) -> None:
    with pytest.raises(PayloadTooLarge, match="image should have at most 1000 bytes, got 1"):
        decode(as_text(b"x" * num_bytes), "image", MAX_BYTES)


def test_as_many_bytes_as_allowed_are_read() -> None:
    assert len(decode(as_text(b"x" * MAX_BYTES), "image", MAX_BYTES)) == MAX_BYTES


@pytest.mark.parametrize(
    ("text", "is_one"), [("https://a.example/b.png", True), ("HTTP://x", True), ("httpx", False), ("", False)]
)
def test_addresses(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one
