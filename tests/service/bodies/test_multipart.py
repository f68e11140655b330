"""Forms of several parts, in whatever pieces they come."""

from collections.abc import AsyncIterator

import pytest

from service.bodies.multipart import MAX_PARTS, read_parts
from service.errors import MalformedBody

TYPE = "multipart/form-data; boundary=x"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a form, with the boundary before it."""
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"


END = b"--x--\r\n"
FORM = part("prompt", "рыжий кот".encode()) + part("image", b"\r\n--y\0", "a.png") + part("empty", b"") + END


async def read(body: bytes, content_type: str = TYPE, size: int = 1000) -> list[tuple[str, bool, bytes]]:
    """Name, whether it is a file, and content of every part of a body that comes in pieces of a size."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    found: dict[tuple[int, str, bool], bytes] = {}
    async for each, piece in read_parts(pieces(), content_type):
        key = each.index, each.name, each.is_file
        found[key] = found.get(key, b"") + piece
    return [(name, is_file, content) for (_, name, is_file), content in found.items()]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_parts_are_whole_in_whatever_pieces_they_come(size: int) -> None:
    assert await read(FORM, size=size) == [
        ("prompt", False, "рыжий кот".encode()),
        ("image", True, b"\r\n--y\0"),
        ("empty", False, b""),
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (FORM, "multipart/form-data", "names no boundary"),
        (FORM, "multipart/form-data; boundary=" + "x" * 300, "not a form of several parts"),
        (b"nonsense", TYPE, "not a form of several parts"),
        (b"", TYPE, "cut off"),
        (FORM[:-8], TYPE, "cut off"),
        (b"--x\r\nContent-Type: text/plain\r\n\r\nabc\r\n" + END, TYPE, "no name"),
        (part("a", b"1") * (MAX_PARTS + 1) + END, TYPE, f"at most {MAX_PARTS} parts"),
    ],
    ids=["no boundary", "long boundary", "nonsense", "empty", "cut off", "no name", "many parts"],
)
async def test_what_is_no_form_is_refused(body: bytes, content_type: str, said: str) -> None:
    with pytest.raises(MalformedBody, match=said):
        await read(body, content_type)
