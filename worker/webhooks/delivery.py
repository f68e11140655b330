"""One attempt to tell a webhook something."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from worker.jobs.errors import AddressRefused, HostUnknown

#: Of an error: it may quote all that a receiver sent, and the job keeps it.
MAX_ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class Answer:
    """What a receiver has answered, or why there was no answer."""

    status_code: int | None = None
    error: str | None = None
    #: In how many seconds it asks to be told again.
    retry_after: float | None = None

    @property
    def is_heard(self) -> bool:
        """Whether the receiver has taken the message."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def is_refused(self) -> bool:
        """Whether the receiver wants to hear no more of it."""
        return self.status_code == HTTPStatus.GONE


async def deliver(
    client: httpx.AsyncClient, url: str, body: str, headers: Mapping[str, str], seconds: float
) -> Answer:
    """Send a message, and return what came back within `seconds`."""
    try:
        # Of the answer only its head matters: whatever follows is not read.
        async with (
            asyncio.timeout(seconds),
            client.stream("POST", url, content=body.encode(), headers=dict(headers)) as response,
        ):
            return Answer(response.status_code, retry_after=_seconds(response.headers.get("retry-after")))
    except TimeoutError:
        return Answer(error=f"no answer within {seconds:g} s")
    except (AddressRefused, HostUnknown) as error:
        return Answer(error=f"webhook_url {error}" if isinstance(error, AddressRefused) else str(error))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Answer(error=f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARACTERS])


def _seconds(retry_after: str | None) -> float | None:
    """The seconds of a `Retry-After`, which may also be a date; None for what is neither."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
    # A date without a time zone cannot be compared, and one with numbers of many digits is not held.
    except (ValueError, TypeError, OverflowError):
        return None
