"""The `Prefer` header of RFC 7240, of which `wait` is understood."""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import Header

MAX_WAIT_SECONDS = 60

_wait = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?', re.IGNORECASE).fullmatch


def wait_seconds(headers: Sequence[str]) -> int | None:
    """How long the caller would like to wait, at most 60 s; None when it did not say so in a form we know."""
    preferences = [preference for header in headers for preference in header.split(",")]
    matches = [match for match in map(_wait, preferences) if match]
    # The first counts when there are several, says the RFC.
    return min(int(matches[0][1]), MAX_WAIT_SECONDS) if matches else None


async def describe_prefer(
    prefer: Annotated[str | None, Header(description="`wait=N`: answer when the job has ended.")] = None,
) -> None:
    """Says in the description of a route that it heeds the header.

    It is read elsewhere, as one header may be several, which a description cannot say.
    """
