"""One attempt to tell a webhook something."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.receivers import Receiver, Reply
from worker.jobs.addresses import Guard
from worker.jobs.outbound import open_client
from worker.webhooks.delivery import MAX_ERROR_CHARACTERS, Answer, deliver

LOOPBACK = Guard.of("127.0.0.0/8")


async def attempt(url: str, guard: Guard = LOOPBACK, seconds: float = 10) -> Answer:
    async with open_client(guard) as client:
        return await deliver(client, url, '{"a":"б"}', {"webhook-id": "1"}, seconds)


async def test_it_is_posted() -> None:
    with Receiver() as receiver:
        await attempt(receiver.url)
    [told] = receiver.told
    assert (told.method, told.path, told.body.decode()) == ("POST", "/hook", '{"a":"б"}')
    assert (told.headers["webhook-id"], told.headers["user-agent"]) == ("1", "kandinsky-serve")


@pytest.mark.parametrize(
    ("status", "is_heard", "is_refused"),
    [
        (200, True, False),
        (204, True, False),
        (302, False, False),
        (404, False, False),
        (410, False, True),
        (500, False, False),
    ],
)
async def test_what_a_status_means(status: int, is_heard: bool, is_refused: bool) -> None:
    with Receiver(Reply(status, {"Location": "/elsewhere"})) as receiver:
        answer = await attempt(receiver.url)
    assert (answer.status_code, answer.is_heard, answer.is_refused) == (status, is_heard, is_refused)
    assert [told.path for told in receiver.told] == ["/hook"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("soon", None),
        ("-5", None),
        ("Thu, 01 Jan 1970 00:00:00", None),
        (f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT", None),
        (f"Thu, 01 Jan 1970 00:00:00 +{'9' * 20}", None),
    ],
)
async def test_retry_after(text: str, seconds: float | None) -> None:
    with Receiver(Reply(503, {"Retry-After": text})) as receiver:
        assert (await attempt(receiver.url)).retry_after == seconds


async def test_retry_after_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with Receiver(Reply(503, {"Retry-After": date})) as receiver:
        answer = await attempt(receiver.url)
    assert answer.retry_after is not None
    assert 3500 < answer.retry_after <= 3600


async def test_a_receiver_that_says_nothing_is_given_up() -> None:
    over = threading.Event()
    with Receiver(Reply(wait=over.wait)) as receiver:
        answer = await attempt(receiver.url, seconds=0.2)
        over.set()
    assert answer == Answer(error="no answer within 0.2 s")


async def test_nobody_listens() -> None:
    with Receiver() as receiver:
        url = receiver.url
    answer = await attempt(url)
    assert answer.status_code is None
    assert str(answer.error).startswith("ConnectError: ")


async def test_of_what_is_no_answer_little_is_told() -> None:
    with Receiver(Reply(200, {"no name" * 10_000: "x"})) as receiver:
        answer = await attempt(receiver.url)
    assert str(answer.error).startswith("RemoteProtocolError: illegal header line")
    assert len(str(answer.error)) == MAX_ERROR_CHARACTERS


async def test_a_refused_address_is_told_as_such() -> None:
    with Receiver() as receiver:
        answer = await attempt(receiver.url, Guard())
    assert str(answer.error).startswith("webhook_url is at 127.0.0.1, not a public address")
    assert receiver.told == []


async def test_a_host_that_is_not_there() -> None:
    assert await attempt("http://no-such-host.invalid/") == Answer(
        error="no host is called 'no-such-host.invalid'"
    )
