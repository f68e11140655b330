"""Submission to a Redis that goes away."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from redis import Redis

from service.fusionbrain.identity import pipeline_uuid
from service.settings import GatewaySettings
from tests.polling import until
from tests.processes import Server
from tests.service.conftest import CARD, serving
from worker.jobs.backlog import Backlog
from worker.jobs.queue import waiting

#: What is in the arguments of the script that creates a job, and in no other.
CREATION = b'"max_before"'


class Cutter:
    """Passes everything on to a Redis server, but cuts the first connection over which a job is created.

    It does so when the server has answered, and before the answer arrives; if it `goes`, afterwards, and
    takes no more connections.
    """

    def __init__(self, redis_url: str, goes: bool) -> None:
        self._goes = goes
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
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, suppress(OSError):
            while request := client.recv(1 << 16):
                server.sendall(request)
                answer = server.recv(1 << 16)
                if CREATION in request and not self.num_cut and not answer.startswith(b"-NOSCRIPT"):
                    self.num_cut += 1
                    if self._goes:
                        self.close()
                        client.sendall(answer)
                    return
                client.sendall(answer)


@contextmanager
def cutting(redis_url: str, goes: bool = False) -> Iterator[Cutter]:
    cutter = Cutter(redis_url, goes)
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


@pytest.mark.usefixtures("catalog")
def test_a_redis_that_goes_when_the_job_is_there_is_no_reason_to_fail(
    valkey_url: str, redis: Redis, tmp_path: Path
) -> None:
    with cutting(valkey_url, goes=True) as cutter:
        settings = GatewaySettings(redis_url=cutter.url, images_url=str(tmp_path))
        with serving(settings) as url:
            response = httpx.post(f"{url}/v1/text-to-image", json={"prompt": "x"}, trust_env=False)
    assert (response.status_code, cutter.num_cut) == (202, 1)
    assert waiting(redis, "images.tiny") == {response.json()["id"]}


@pytest.mark.usefixtures("catalog")
def test_a_rejected_prompt_is_never_drawn_though_redis_goes(
    valkey_url: str, redis: Redis, tmp_path: Path
) -> None:
    params = json.dumps({"type": "GENERATE", "generateParams": {"query": "nude child"}})
    form = {"pipeline_id": (None, str(pipeline_uuid(CARD.id))), "params": (None, params, "application/json")}
    with cutting(valkey_url, goes=True) as cutter:
        settings = GatewaySettings(redis_url=cutter.url, images_url=str(tmp_path))
        with serving(settings) as url:
            response = httpx.post(f"{url}/key/api/v1/pipeline/run", files=form, trust_env=False)
    assert (response.status_code, cutter.num_cut) == (503, 1)
    assert waiting(redis, "images.tiny") == set()
    assert redis.zcard("jobs:deadlines") == redis.zcard("jobs:queued:images.tiny") == 1


def test_a_redis_that_goes_while_the_caller_waits_is_no_reason_to_fail(
    private_valkey: Server, tmp_path: Path
) -> None:
    answers: list[httpx.Response] = []
    settings = GatewaySettings(redis_url=private_valkey.url, images_url=str(tmp_path))
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False, timeout=20) as client:

        def post() -> None:
            wait = {"Prefer": "wait=1"}
            answers.append(client.post("/v1/text-to-image", json={"prompt": "x"}, headers=wait))

        poster = threading.Thread(target=post)
        poster.start()
        until(lambda: Backlog(private_valkey.client).state("images.tiny").num_queued)
        private_valkey.kill()
        poster.join()
    [answer] = answers
    assert (answer.status_code, answer.json()["status"], answer.json()["queue_position"]) == (
        202,
        "queued",
        None,
    )
