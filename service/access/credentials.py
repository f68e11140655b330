"""How a request brings its API key."""

from collections.abc import Mapping

from service.errors import Unauthorized
from worker.jobs.key import Credentials, read_token

#: How a key is written, by the header that it comes in.
FORMS = {
    "Authorization": "kdsk_, 16 digits, _ and 64 digits",
    "X-Key": "`X-Key: Key` with 16 digits, and `X-Secret: Secret` with 64",
}


def read_credentials(headers: Mapping[str, str]) -> Credentials | None:
    """What a request proves its key with, None if it brings none. Raises Unauthorized if it cannot be one."""
    token = _bearer_token(headers) if "authorization" in headers else _pair(headers)
    if token is None:
        return None
    credentials = read_token(token)
    if credentials is None:
        header = key_header(headers)
        raise Unauthorized(f"the API key is not one: it should be {FORMS[header]}", header)
    return credentials


def key_header(headers: Mapping[str, str]) -> str:
    """The header that a request brings its key in."""
    return "X-Key" if "authorization" not in headers and _pair(headers) is not None else "Authorization"


def _bearer_token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers["authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _pair(headers: Mapping[str, str]) -> str | None:
    """The token that two headers make, as the public API of FusionBrain takes them."""
    if "x-key" not in headers and "x-secret" not in headers:
        return None
    key_id = headers.get("x-key", "").removeprefix("Key ").strip()
    secret = headers.get("x-secret", "").removeprefix("Secret ").strip()
    prefix = f"kdsk_{key_id}_"
    # The secret may also be the whole token.
    return prefix + secret.removeprefix(prefix)
