"""Pictures that stand in a request as text: base64, or a data URL."""

import base64
import re

from service.errors import InvalidImage, PayloadTooLarge

_data_url = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE).match
_address = re.compile(r"https?://", re.IGNORECASE).match


def is_address(text: str) -> bool:
    """Whether this is where a picture lies rather than a picture."""
    return _address(text) is not None


def decode(text: str, param: str, max_bytes: int) -> bytes:
    """The file in a text. Raises InvalidImage, and PayloadTooLarge for more than `max_bytes`."""
    start = _start_of_base64(text, param)
    # Of what is too long anyway not even the bytes are made.
    if (len(text) - start) * 3 // 4 > max_bytes + 2:
        raise too_large(param, (len(text) - start) * 3 // 4, max_bytes)
    try:
        content = base64.b64decode(text[start:], validate=True)
    except ValueError as error:
        raise InvalidImage(param, f"should be base64 or a data URL: {error}") from error
    return check_size(content, param, max_bytes)


def check_size(content: bytes, param: str, max_bytes: int) -> bytes:
    """The file itself. Raises PayloadTooLarge for more than `max_bytes`."""
    if len(content) > max_bytes:
        raise too_large(param, len(content), max_bytes)
    return content


def too_large(param: str, size: int, max_bytes: int) -> PayloadTooLarge:
    """What is told of a file that has too many bytes."""
    return PayloadTooLarge(f"{param} should have at most {max_bytes} bytes, got {size}", param=param)


def _start_of_base64(text: str, param: str) -> int:
    """Where in `text` the base64 begins."""
    if text[:5].lower() != "data:":
        return 0
    head = _data_url(text)
    if head is None or not head[1].lower().endswith(";base64"):
        raise InvalidImage(param, "is a data URL, which should be one of base64")
    return head.end()
