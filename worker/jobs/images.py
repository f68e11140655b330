"""The pictures: bytes in a folder or in any object store, kept as long as the job that made them."""

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from worker.jobs.errors import ImageNotFound, StoreUnavailable
from worker.jobs.image_keys import folder
from worker.jobs.settings import hide_password

#: How long a store that is not a folder may take: for a connection, for a request, and for all attempts.
CONNECT_TIMEOUT, REQUEST_TIMEOUT, RETRY_TIMEOUT = "2s", "30s", timedelta(seconds=5)
MAX_RETRIES = 2
#: What is written at a time of a picture that comes in pieces: as little as S3 takes, and less to a folder.
PART_BYTES, FOLDER_PART_BYTES = 5 * 1024 * 1024, 256 * 1024
#: How much of a picture is read from the store at a time.
PIECE_BYTES = 512 * 1024

_FAILURES = (BaseError, OSError, ValueError)
_is_id = re.compile(r"(job|upl)_[0-9a-z]{26}").fullmatch


@dataclass(frozen=True)
class Entry:
    """What the store knows of a picture."""

    #: In bytes.
    size: int
    #: What changes when the bytes do, unquoted.
    etag: str


class ImageStore:
    """Pictures by key. Every method raises StoreUnavailable when the store does not answer."""

    def __init__(self, url: str) -> None:
        """Open a folder (a path or `file://` URL, made if missing) or an object store by its URL."""
        self._url = url
        #: What holds the pictures if that is a folder.
        self._folder = _folder(url)
        self._part_bytes = FOLDER_PART_BYTES if self._folder else PART_BYTES
        try:
            self._store = _open(url, self._folder)
        except _FAILURES as error:
            raise self._unavailable("open", error) from error

    def check(self) -> None:
        """Write, read and delete a small object, so that a wrong setting shows at start."""
        key = f".check-{uuid4()}"
        self.put(key, b"ok", "application/octet-stream")
        try:
            self.get(key)
        except ImageNotFound as error:
            url = hide_password(self._url)
            raise StoreUnavailable(f"the image store {url} does not keep what is written") from error
        self._delete(key)

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Store a picture; readers see all of it or nothing."""
        try:
            self._store.put(key, content, attributes=self._attributes(content_type))
        except _FAILURES as error:
            raise self._unavailable("write to", error) from error

    async def put_pieces(self, key: str, pieces: AsyncIterator[bytes], content_type: str) -> None:
        """Store a picture as it comes; readers see all of it, or nothing when `pieces` raise."""
        try:
            await self._store.put_async(
                key,
                pieces,
                attributes=self._attributes(content_type),
                chunk_size=self._part_bytes,
                max_concurrency=1,
            )
        except _FAILURES as error:
            raise self._unavailable("write to", error) from error

    @property
    def max_held_bytes(self) -> int:
        """How much of a picture that comes in pieces is in memory: what is being written, and the next."""
        return 2 * self._part_bytes

    def get(self, key: str) -> bytes:
        """A stored picture. Raises ImageNotFound."""
        with self._reading(key):
            return bytes(self._store.get(key).bytes())

    async def find(self, key: str) -> Entry:
        """What the store knows of a picture. Raises ImageNotFound."""
        with self._reading(key):
            found = await self._store.head_async(key)
        version = found["e_tag"] or found["last_modified"].isoformat()
        return Entry(found["size"], version.removeprefix("W/").strip('"'))

    async def open(self, key: str, part: range) -> AsyncIterator[bytes]:
        """The bytes of a picture that are in `part`, in pieces. Raises ImageNotFound.

        Each is a request by itself: whoever takes them slowly keeps no request to the store open, which may
        not take longer than REQUEST_TIMEOUT.
        """
        first = await self._read(key, part[:PIECE_BYTES])
        return self._read_on(first, key, part[PIECE_BYTES:])

    async def sign(self, method: Literal["GET", "HEAD"], key: str, seconds: int) -> str:
        """Where an object store itself answers for a picture whoever has this URL, for so long."""
        assert isinstance(self._store, AzureStore | GCSStore | S3Store)
        try:
            return await obstore.sign_async(self._store, method, key, timedelta(seconds=seconds))
        except _FAILURES as error:
            raise self._unavailable("sign for", error) from error

    def delete_job(self, job_id: str) -> None:
        """Delete everything of a job, what it came with included, or of an upload."""
        # With "" or ".." everything that there is would be deleted.
        if not _is_id(job_id):
            return
        if self._folder:
            self._delete_folder(self._folder / folder(job_id))
            return
        for page in self._list(f"{folder(job_id)}/"):
            for key, _ in page:
                self._delete(key)

    def ids_before(self, time: datetime) -> Iterator[set[str]]:
        """Ids of the jobs and uploads of which something was stored before a time, in sets of some."""
        for page in self._list(""):
            keys = [key.split("/") for key, stored_at in page if stored_at < time]
            # Others may keep other things in the same place.
            yield {parts[1] for parts in keys if len(parts) > 2 and _is_id(parts[1])}

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ImageNotFound(key) from error
        except _FAILURES as error:
            raise self._unavailable("read from", error) from error

    async def _read(self, key: str, part: range) -> bytes:
        with self._reading(key):
            return bytes(await self._store.get_range_async(key, start=part.start, end=part.stop))

    async def _read_on(self, first: bytes, key: str, rest: range) -> AsyncIterator[bytes]:
        yield first
        for start in range(0, len(rest), PIECE_BYTES):
            yield await self._read(key, rest[start : start + PIECE_BYTES])

    def _delete(self, key: str) -> None:
        try:
            self._store.delete(key)
        except FileNotFoundError:
            return
        except _FAILURES as error:
            raise self._unavailable("delete from", error) from error

    def _delete_folder(self, path: Path) -> None:
        # With all that it has, as there may be half a file, which no list names. What is around it stays,
        # empty or not: somebody may be about to write there.
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unavailable("delete from", error) from error

    def _list(self, prefix: str) -> Iterator[list[tuple[str, datetime]]]:
        """Keys and when each was stored, in pages; what is deleted meanwhile does no harm."""
        try:
            for page in self._store.list(prefix or None):
                yield [(str(entry["path"]), entry["last_modified"]) for entry in page]
        except _FAILURES as error:
            raise self._unavailable("list", error) from error

    def _attributes(self, content_type: str) -> dict[str, str] | None:
        # A folder has no place for them.
        return None if self._folder else {"Content-Type": content_type}

    def _unavailable(self, verb: str, error: Exception) -> StoreUnavailable:
        reason = str(error).partition("\n")[0]
        # Both may have the URL in them, and that a password.
        return StoreUnavailable(hide_password(f"cannot {verb} the image store {self._url}: {reason}"))


def _folder(url: str) -> Path | None:
    scheme, separator, path = url.partition("://")
    if separator and scheme != "file":
        return None
    return Path(path if separator else url).expanduser().resolve()


def _open(url: str, path: Path | None) -> ObjectStore:
    if path is None:
        return from_url(
            url,
            # HTTP is spoken only to an endpoint that the operator has set so, as in a network of their own.
            client_options={
                "allow_http": True,
                "connect_timeout": CONNECT_TIMEOUT,
                "timeout": REQUEST_TIMEOUT,
            },
            retry_config={"max_retries": MAX_RETRIES, "retry_timeout": RETRY_TIMEOUT},
        )
    return LocalStore(path, mkdir=True)
