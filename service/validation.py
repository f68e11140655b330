"""What pydantic finds wrong, told so that the field, the value and the limit are named."""

import re
from typing import Any

MAX_SHOWN_CHARACTERS = 80
#: What pydantic's sentences begin with, in whose place comes the name of the field.
SUBJECTS = re.compile(r"^(Value error,|(Input|String|Dictionary|List)(?= should )) ")


def describe(name: str, error: Any) -> str:
    """One sentence about one of the errors of a ValidationError, in the field `name`."""
    match error["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"{name} is not a field of this request"
    reason = SUBJECTS.sub("", str(error["msg"]))
    return f"{name} {reason}, got {_show(error['input'])}"


def field_name(location: tuple[int | str, ...]) -> str:
    """The path to a field, such as `metadata.order`."""
    path = ".".join(str(part) for part in location)
    return path[:MAX_SHOWN_CHARACTERS].encode("utf-8", "backslashreplace").decode()


def _show(value: object) -> str:
    # Of a picture of megabytes, no more than is shown.
    shown = repr(value[: MAX_SHOWN_CHARACTERS + 1] if isinstance(value, str) else value)
    return shown if len(shown) <= MAX_SHOWN_CHARACTERS else f"{shown[:MAX_SHOWN_CHARACTERS]}..."
