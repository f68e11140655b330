"""A server that is told things, keeps what it was told, and answers as a test wants."""

import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Told:
    """One request that has come."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """How to answer a request: after `wait`, with these bytes one after the other."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] = ()
    wait: Callable[[], object] = lambda: None


class _Server(ThreadingHTTPServer):
    # The usual 5 makes callers that come at once wait for a second.
    request_queue_size = 128
    daemon_threads = True


class Receiver:
    """Listens on a free port of 127.0.0.1; answers in turn with the `replies`, then always with the last."""

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None) -> None:
        self.told: list[Told] = []
        self._replies = list(replies or [Reply()])
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def reply_to(self, told: Told) -> Reply:
        """Keep what was told; returns how to answer it."""
        with self._lock:
            self.told.append(told)
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.reply_to(Told(self.command, self.path, headers, body))
            reply.wait()
            try:
                self._answer(reply)
            # Who asked has gone, which is what some tests are about.
            except OSError:
                self.close_connection = True

        do_GET = do_POST

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for chunk in reply.chunks:
                self.wfile.write(chunk)
                self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler
