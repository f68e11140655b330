"""What a body is said to be."""

from starlette.datastructures import Headers

FORM = "multipart/form-data"
JSON = "application/json"
BYTES = "application/octet-stream"


def media_type(headers: Headers) -> str:
    """The type that `Content-Type` names, without its parameters; empty for none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(name: str) -> bool:
    """Whether a body of this type is read as JSON."""
    return name == JSON or (name.startswith("application/") and name.endswith("+json"))
