"""The pictures: bytes in a folder or in any object store, kept as long as the job that made them."""

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from worker.jobs.errors import ImageNotFound, StoreUnavailable
from worker.jobs.settings import hide_password
from worker.jobs.stages import OutputFormat

#: How long a store that is not a folder may take: for a connection, for a request, and for all attempts.
CONNECT_TIMEOUT, REQUEST_TIMEOUT, RETRY_TIMEOUT = "2s", "30s", timedelta(seconds=5)
MAX_RETRIES = 2
#: What is written at a time of a picture that comes in pieces: as little as S3 takes, and less to a folder.
PART_BYTES, FOLDER_PART_BYTES = 5 * 1024 * 1024, 256 * 1024
#: How much of a picture is read from the store at a time.
PIECE_BYTES = 256 * 1024

_FAILURES = (BaseError, OSError, ValueError)
_image_id = re.compile(r"(job_[0-9a-z]{26})-(\d{1,4})").fullmatch


@dataclass(frozen=True)
class Image:
    """A stored picture."""

    bytes: bytes


@dataclass(frozen=True)
class Entry:
    """What the store knows of a picture."""

    #: In bytes.
    size: int
    #: What changes when the bytes do, unquoted.
    etag: str


def folder(owner_id: str) -> str:
    """Where everything of a job or an upload lies, by its id.

    Folders are spread over some hundred others: of one that has millions of entries, some stores are slow.
    """
    return f"{owner_id[-2:]}/{owner_id}"


def picture_key(job_id: str, index: int, output_format: OutputFormat) -> str:
    """Where a picture of a job lies in the store."""
    return f"{folder(job_id)}/{index}.{output_format.value}"


def input_key(job_id: str, name: str) -> str:
    """Where a picture that a job came with, such as `image` or `mask`, lies in the store: a PNG."""
    return f"{folder(job_id)}/inputs/{name}.png"


def drawn_key(job_id: str, stage_index: int, index: int) -> str:
    """Where a picture that one stage of a job leaves to the next lies in the store: a PNG in RGB."""
    return f"{folder(job_id)}/drawn/{stage_index}-{index}.png"


def states_key(job_id: str) -> str:
    """Where the prompts of a job lie in the store, as its text encoder has read them: a safetensors file."""
    return f"{folder(job_id)}/states.safetensors"


def uploaded_key(upload_id: str, output_format: OutputFormat) -> str:
    """Where a picture that was uploaded lies in the store."""
    return f"{folder(upload_id)}/upload.{output_format.value}"


def image_id(job_id: str, index: int) -> str:
    """The public id of a picture; its job says where it lies and who may see it."""
    return f"{job_id}-{index}"


def parse_image_id(text: str) -> tuple[str, int]:
    """Job id and index of a public image id. Raises ImageNotFound for what cannot be one."""
    match = _image_id(text)
    if match is None:
        raise ImageNotFound(text)
    return match[1], int(match[2])


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
        key = f".check/{uuid4()}"
        self.put(key, b"ok", "application/octet-stream")
        try:
            self.get(key)
        except ImageNotFound as error:
            url = hide_password(self._url)
            raise StoreUnavailable(f"the image store {url} does not keep what is written") from error
        self.delete(key)

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

    def get(self, key: str) -> Image:
        """A stored picture. Raises ImageNotFound."""
        try:
            return Image(bytes(self._store.get(key).bytes()))
        except FileNotFoundError as error:
            raise ImageNotFound(key) from error
        except _FAILURES as error:
            raise self._unavailable("read from", error) from error

    async def find(self, key: str) -> Entry:
        """What the store knows of a picture. Raises ImageNotFound."""
        try:
            found = await self._store.head_async(key)
        except FileNotFoundError as error:
            raise ImageNotFound(key) from error
        except _FAILURES as error:
            raise self._unavailable("read from", error) from error
        version = found["e_tag"] or found["last_modified"].isoformat()
        return Entry(found["size"], version.removeprefix("W/").strip('"'))

    async def open(self, key: str, part: range) -> AsyncIterator[bytes]:
        """The bytes of a picture that are in `part`, in pieces. Raises ImageNotFound."""
        try:
            found = await self._store.get_async(key, options={"range": (part.start, part.stop)})
        except FileNotFoundError as error:
            raise ImageNotFound(key) from error
        except _FAILURES as error:
            raise self._unavailable("read from", error) from error
        return aiter(found.stream(PIECE_BYTES))

    async def sign(self, key: str, seconds: int) -> str:
        """Where an object store itself gives a picture to whoever has this URL, for so long."""
        assert isinstance(self._store, AzureStore | GCSStore | S3Store)
        try:
            return await obstore.sign_async(self._store, "GET", key, timedelta(seconds=seconds))
        except _FAILURES as error:
            raise self._unavailable("sign for", error) from error

    def delete(self, key: str) -> None:
        """Delete a picture, or nothing if it is already gone."""
        try:
            self._store.delete(key)
        except FileNotFoundError:
            return
        except _FAILURES as error:
            raise self._unavailable("delete from", error) from error

    def delete_job(self, job_id: str) -> None:
        """Delete everything of a job, what it came with included, or of an upload."""
        if self._folder:
            self._delete_folder(self._folder / folder(job_id))
            return
        for page in self._list(f"{folder(job_id)}/"):
            for key, _ in page:
                self.delete(key)

    def ids_before(self, time: datetime) -> Iterator[set[str]]:
        """Ids of the jobs and uploads of which something was stored before a time, in sets of some."""
        for page in self._list(""):
            keys = [key.split("/") for key, stored_at in page if stored_at < time]
            yield {parts[1] for parts in keys if len(parts) > 2}

    def _delete_folder(self, path: Path) -> None:
        # With all that it has, as there may be half a file, which no list names.
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unavailable("delete from", error) from error
        with suppress(OSError):
            path.parent.rmdir()

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
    return LocalStore(path, mkdir=True, automatic_cleanup=True)
