"""Load on an HTTP server: as much as it takes, or so many requests a second."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from benchmarks.report import Figures


@dataclass(frozen=True)
class Call:
    """One request, sent as it is, and the status that answers it."""

    content: bytes
    status: int

    @classmethod
    def of(cls, line: str, status: int, body: bytes = b"", key: str | None = None) -> "Call":
        """A request such as `GET /livez`, with a body of JSON or none, and with an API key or none."""
        fields = {"Host": "gateway", "Content-Type": "application/json", "Content-Length": str(len(body))}
        if key is not None:
            fields["Authorization"] = f"Bearer {key}"
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return cls(f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body, status)


class Connection:
    """A connection that is kept open, for one request at a time; it costs far less than the server does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to a server on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, call: Call) -> bytes:
        """The body of the answer. Raises SystemExit if the answer is another than expected."""
        self._writer.write(call.content)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length))
        if int(head.split(b" ", 2)[1]) != call.status:
            raise SystemExit(f"wanted status {call.status}, got {head!r} {body!r}")
        return body

    @property
    def is_ended(self) -> bool:
        """Whether the server has closed it, as it does when nothing comes for a while."""
        return self._reader.at_eof()

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        await self._writer.wait_closed()


async def send_closely(port: int, call: Call, num_requests: int, num_connections: int) -> Figures:
    """Send requests over connections that each wait for nothing but their last answer."""
    numbers = iter(range(num_requests))
    latencies: list[float] = []

    async def run(connection: Connection) -> None:
        for _ in numbers:
            began = time.perf_counter()
            await connection.send(call)
            latencies.append(time.perf_counter() - began)
        await connection.close()

    connections = [await Connection.open(port) for _ in range(num_connections)]
    began = time.perf_counter()
    await asyncio.gather(*map(run, connections))
    return Figures(tuple(latencies), num_requests / (time.perf_counter() - began))


async def send_steadily(port: int, call: Call, per_second: float, seconds: float) -> Figures:
    """Send requests at a set rate, however long the answers take; latencies count from when each was due."""
    idle: list[Connection] = []
    latencies: list[float] = []
    began = time.perf_counter()

    async def run(due: float) -> None:
        connection = await _take(idle, port)
        await connection.send(call)
        latencies.append(time.perf_counter() - due)
        idle.append(connection)

    async with asyncio.TaskGroup() as tasks:
        for due in _times(began, per_second, seconds):
            await asyncio.sleep(due - time.perf_counter())
            tasks.create_task(run(due))
    elapsed = time.perf_counter() - began
    for connection in idle:
        await connection.close()
    return Figures(tuple(latencies), len(latencies) / elapsed)


async def _take(idle: list[Connection], port: int) -> Connection:
    """The connection that was used last, or a new one."""
    while idle:
        connection = idle.pop()
        if not connection.is_ended:
            return connection
        await connection.close()
    return await Connection.open(port)


def _times(began: float, per_second: float, seconds: float) -> Iterator[float]:
    for number in count():
        if number >= per_second * seconds:
            return
        yield began + number / per_second
