"""The load of measurements: as many requests as are meant, and no wrong answer taken for a right one."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from benchmarks.load import Call, Connection, send_closely, send_steadily

CALL = Call.of("POST /", 202, b"{}")


class Counter:
    """A server that says the same to everybody."""

    def __init__(self, status: int = 202) -> None:
        self._answer = f"HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\nok".encode()
        self.requests: list[bytes] = []
        self.num_open = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read requests with two bytes of body, and answer each."""
        self.num_open += 1
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head + await reader.readexactly(2))
                writer.write(self._answer)
        writer.close()
        await writer.wait_closed()
        self.num_open -= 1


async def serve(counter: Counter, load: Any) -> Any:
    server = await asyncio.start_server(counter.answer, "127.0.0.1", 0)
    async with server:
        try:
            return await load(server.sockets[0].getsockname()[1])
        finally:
            while counter.num_open:
                await asyncio.sleep(0)


def run(counter: Counter, load: Any) -> Any:
    return asyncio.run(serve(counter, load))


def test_every_request_is_sent_once() -> None:
    counter = Counter()
    figures = run(counter, lambda port: send_closely(port, CALL, 10, 3))
    assert counter.requests == [CALL.content] * 10
    assert len(figures.latencies) == 10


def test_at_a_set_rate_as_many_come_as_are_due() -> None:
    counter = Counter()
    figures = run(counter, lambda port: send_steadily(port, CALL, 100, 0.1))
    assert len(counter.requests) == len(figures.latencies) == 10
    assert figures.per_second < 120


def test_a_wrong_status_ends_the_measurement() -> None:
    with pytest.raises(SystemExit, match=r"wanted status 202, got .*503"):
        run(Counter(503), send_one)


def test_the_body_of_the_answer_is_given() -> None:
    assert run(Counter(), send_one) == b"ok"


async def send_one(port: int) -> bytes:
    connection = await Connection.open(port)
    try:
        return await connection.send(CALL)
    finally:
        await connection.close()
