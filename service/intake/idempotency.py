"""Idempotency keys: by which a request that is sent twice is one job."""

import hashlib

from service.errors import InvalidRequest
from service.requests import JobRequest

HEADER = "Idempotency-Key"
MAX_KEY_CHARACTERS = 255


def check_key(key: str) -> str:
    """The key itself. Raises InvalidRequest for one that is empty or too long."""
    if not 0 < len(key) <= MAX_KEY_CHARACTERS:
        limits = f"between 1 and {MAX_KEY_CHARACTERS} characters"
        raise InvalidRequest(f"{HEADER} should have {limits}, got {len(key)}", param=HEADER)
    return key


def fingerprint(route: str, request: JobRequest) -> str:
    """What is the same of two requests to a route that ask for the same, with the same pictures."""
    return hashlib.sha256(f"{route}\n{request.model_dump_json()}".encode()).hexdigest()
