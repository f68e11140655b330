"""Submission over connections that break."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from redis import Redis

from service.settings import GatewaySettings
from tests.service.conftest import serving
from worker.jobs.queue import waiting

#: What is in the arguments of the script that creates a job, and in no other.
CREATION = b"max_before"


class Cutter:
    """Passes everything on to a Redis server, but cuts the first connection over which a job is created.

    It does so when the server has answered, and before the answer arrives.
    """

    def __init__(self, redis_url: str) -> None:
        parts = urlsplit(redis_url)
        self._server = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.url = redis_url.replace(f"{self._server[0]}:{self._server[1]}", f"{host}:{port}")
        self.num_cut = 0

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, suppress(OSError):
            while request := client.recv(1 << 16):
                server.sendall(request)
                answer = server.recv(1 << 16)
                if CREATION in request and not self.num_cut and not answer.startswith(b"-NOSCRIPT"):
                    self.num_cut += 1
                    return
                client.sendall(answer)


@contextmanager
def cutting(redis_url: str) -> Iterator[Cutter]:
    cutter = Cutter(redis_url)
    threading.Thread(target=cutter.serve, daemon=True).start()
    try:
        yield cutter
    finally:
        cutter.close()


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key-1"}])
def test_a_connection_that_is_cut_while_a_job_is_created_makes_one_job(
    valkey_url: str, redis: Redis, tmp_path: Path, headers: dict[str, str]
) -> None:
    with cutting(valkey_url) as cutter:
        settings = GatewaySettings(redis_url=cutter.url, images_url=str(tmp_path))
        with serving(settings) as url:
            response = httpx.post(
                f"{url}/v1/text-to-image", json={"prompt": "x"}, headers=headers, trust_env=False
            )
    assert (response.status_code, cutter.num_cut) == (202, 1)
    assert waiting(redis, "images.tiny") == {response.json()["id"]}
