"""Parts of pictures that callers ask for, by RFC 9110, section 14."""

import re

from service.errors import RangeNotSatisfiable

_range = re.compile(r"bytes=(\d{0,18})-(\d{0,18})").fullmatch


def parse_range(header: str | None, size: int) -> range | None:
    """The bytes that a `Range` header asks for; None for all, as for a form that is not served.

    Raises RangeNotSatisfiable.
    """
    match = _range(header or "")
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < int(first):
        return None
    if start >= size:
        message = f"Range should begin before byte {size}, got {header}"
        raise RangeNotSatisfiable(message, param="Range", headers={"Content-Range": f"bytes */{size}"})
    return range(start, stop)
