"""A hub of one repository, on this machine: the part of the real one's API that pulling needs."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
INFO = re.compile(r"^/api/models/(?P<repository>[^/]+/[^/]+)/revision/(?P<revision>[^?]+)")
FILE = re.compile(r"^/(?P<repository>[^/]+/[^/]+)/resolve/(?P<commit>[0-9a-f]+)/(?P<name>.+)$")


@dataclass
class Hub:
    """What it holds, what it was asked for, and what it does to those who ask."""

    repository: str
    files: dict[str, bytes]
    #: Commits by the names of branches.
    branches: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    #: Bytes after which it cuts the connection, once.
    cut_after: int | None = None
    #: Sent instead of the files of these names.
    broken: dict[str, bytes] = field(default_factory=dict)
    #: Bytes that it says these files have.
    claimed: dict[str, int] = field(default_factory=dict)
    url: str = ""
    #: Files that were asked for, and the bytes of each.
    asked: list[tuple[str, str]] = field(default_factory=list)

    def find(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of an answer."""
        if match := INFO.match(path):
            return self._info(match["repository"], match["revision"])
        match = FILE.match(path)
        if not match or match["repository"] != self.repository:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if match["commit"] not in self.branches.values():
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        return 200, {}, self.broken.get(match["name"], self.files[match["name"]])

    def _info(self, repository: str, revision: str) -> tuple[int, dict[str, str], bytes]:
        if repository != self.repository:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        commit = self.branches.get(revision, revision)
        if commit not in self.branches.values():
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        siblings = [
            _sibling(name, content, self.claimed.get(name, len(content)))
            for name, content in self.files.items()
        ]
        return 200, {}, json.dumps({"id": repository, "sha": commit, "siblings": siblings}).encode()


def _sibling(name: str, content: bytes, size: int) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": name, "size": size, "blobId": "0" * 40}
    if not name.endswith(".json"):
        digest = hashlib.sha256(content).hexdigest()
        sibling["lfs"] = {"size": size, "sha256": digest, "pointerSize": 128}
    return sibling


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Answers as a hub does, at `hub.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = hub.find(self.path)
            asked = self.headers.get("Range", "")
            if match := FILE.match(self.path):
                hub.asked.append((match["name"], asked))
            if asked and status == 200:
                begin = int(asked.removeprefix("bytes=").rstrip("-"))
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
                status, content = 206, content[begin:]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(self._cut(content) if match else content)

        def _cut(self, content: bytes) -> bytes:
            if hub.cut_after is None:
                return content
            kept, hub.cut_after, self.close_connection = content[: hub.cut_after], None, True
            return kept

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
