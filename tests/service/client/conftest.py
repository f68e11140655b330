"""Clients of the gateway of the tests, and a server that answers what a test says."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from service.client import Kandinsky


@pytest.fixture
def client(http: httpx.Client) -> Iterator[Kandinsky]:
    with Kandinsky(str(http.base_url)) as client:
        yield client


@dataclass(frozen=True)
class Answer:
    """What is answered to one request; without a status the connection is cut."""

    status: int | None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, **headers: str) -> Answer:
    """An error as the gateway tells it; of a header's name, `_` stands for `-`."""
    error = {"code": code, "message": f"this is {code}", "param": "prompt", "details": {"a": 1}}
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": error}, shown)


@dataclass
class Script:
    """A server, what it is going to answer, and the headers of the requests that came."""

    url: str
    answers: list[Answer]
    requests: list[Mapping[str, str]]


@pytest.fixture
def script() -> Iterator[Script]:
    answers: list[Answer] = []
    requests: list[Mapping[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append(self.headers)
            answer = answers.pop(0)
            if answer.status is None:
                self.close_connection = True
                return
            content = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Script(f"http://127.0.0.1:{server.server_port}", answers, requests)
        server.shutdown()
        thread.join()
