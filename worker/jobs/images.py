"""The pictures: bytes in a folder or in any object store, kept as long as the job that made them."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from worker.jobs.errors import ImageNotFound, StoreUnavailable
from worker.jobs.stages import OutputFormat

_FAILURES = (BaseError, OSError, ValueError)
_image_id = re.compile(r"(job_[0-9a-z]{26})-(\d{1,4})").fullmatch


@dataclass(frozen=True)
class Image:
    """A stored picture."""

    bytes: bytes
    #: A digest of the bytes, unquoted: the same on every store and after every rewrite.
    etag: str


def picture_key(job_id: str, index: int, output_format: OutputFormat) -> str:
    """Where a picture of a job lies in the store."""
    return f"{job_id}/{index}.{output_format.value}"


def input_key(job_id: str, name: str) -> str:
    """Where a picture that a job came with, such as `image` or `mask`, lies in the store: a PNG."""
    return f"{job_id}/inputs/{name}.png"


def drawn_key(job_id: str, stage_index: int, index: int) -> str:
    """Where a picture that one stage of a job leaves to the next lies in the store: a PNG in RGB."""
    return f"{job_id}/drawn/{stage_index}-{index}.png"


def states_key(job_id: str) -> str:
    """Where the prompts of a job lie in the store, as its text encoder has read them: a safetensors file."""
    return f"{job_id}/states.safetensors"


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
        try:
            self._store = _open(url)
        except _FAILURES as error:
            raise self._unavailable("open", error) from error

    def check(self) -> None:
        """Write, read and delete a small object, so that a wrong setting shows at start."""
        key = f".check/{uuid4()}"
        self.put(key, b"ok", "application/octet-stream")
        try:
            self.get(key)
        except ImageNotFound as error:
            raise StoreUnavailable(f"the image store {self._url} does not keep what is written") from error
        self.delete(key)

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Store a picture; readers see all of it or nothing."""
        attributes = None if isinstance(self._store, LocalStore) else {"Content-Type": content_type}
        try:
            self._store.put(key, content, attributes=attributes)
        except _FAILURES as error:
            raise self._unavailable("write to", error) from error

    def get(self, key: str) -> Image:
        """A stored picture. Raises ImageNotFound."""
        try:
            content = bytes(self._store.get(key).bytes())
        except FileNotFoundError as error:
            raise ImageNotFound(key) from error
        except _FAILURES as error:
            raise self._unavailable("read from", error) from error
        return Image(content, hashlib.blake2b(content, digest_size=16).hexdigest())

    def delete(self, key: str) -> None:
        """Delete a picture, or nothing if it is already gone."""
        try:
            self._store.delete(key)
        except FileNotFoundError:
            return
        except _FAILURES as error:
            raise self._unavailable("delete from", error) from error

    def delete_job(self, job_id: str) -> None:
        """Delete all pictures of a job, those that it came with included."""
        try:
            keys = [str(entry["path"]) for page in self._store.list(f"{job_id}/") for entry in page]
        except _FAILURES as error:
            raise self._unavailable("list", error) from error
        for key in keys:
            self.delete(key)

    def _unavailable(self, verb: str, error: Exception) -> StoreUnavailable:
        reason = str(error).partition("\n")[0]
        return StoreUnavailable(f"cannot {verb} the image store {self._url}: {reason}")


def _open(url: str) -> ObjectStore:
    scheme, separator, path = url.partition("://")
    if separator and scheme != "file":
        return from_url(url)
    folder = Path(path if separator else url).expanduser().resolve()
    return LocalStore(folder, mkdir=True, automatic_cleanup=True)
