"""Uploading: a picture goes from its caller to the store as it comes, and is looked at there."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from anyio import to_thread
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from redis.exceptions import RedisError

from service.bodies.inline import too_large
from service.bodies.media_types import BYTES, FORM, media_type
from service.bodies.multipart import read_parts
from service.dependencies import Gateway
from service.errors import InvalidRequest, UnsupportedMediaType
from service.pictures.reading import find_format
from service.planning.sizes import Size
from worker.jobs.errors import StoreUnavailable
from worker.jobs.image_keys import uploaded_key
from worker.jobs.uploads import Upload, new_upload_id

#: The name of the field, in a form and in errors.
PARAM = "image"
#: How much of a file is looked at before anything is stored.
HEAD_BYTES = 64 * 1024


@dataclass
class IncomingFile:
    """A file that comes in pieces, of which the first have come."""

    head: bytes
    rest: AsyncIterator[bytes]
    max_bytes: int
    #: How many bytes have come so far.
    size: int = 0
    #: Why it did not come to its end.
    error: Exception | None = None

    @classmethod
    async def start(cls, pieces: AsyncIterator[bytes], max_bytes: int) -> "IncomingFile":
        """Wait for the first pieces."""
        head = bytearray()
        async for piece in pieces:
            head += piece
            if len(head) >= HEAD_BYTES:
                break
        return cls(bytes(head), pieces, max_bytes)

    async def pieces(self) -> AsyncIterator[bytes]:
        """All that comes, until it ends or breaks off or is too much, which `error` then tells."""
        try:
            async for piece in self._all():
                self.size += len(piece)
                if self.size > self.max_bytes:
                    raise too_large(PARAM, self.size, self.max_bytes)
                yield piece
        # Whoever stores it sees a whole file and can delete it, rather than having to clear up half of one.
        except Exception as error:
            self.error = error

    async def _all(self) -> AsyncIterator[bytes]:
        yield self.head
        async for piece in self.rest:
            yield piece


def incoming_pieces(request: Request) -> AsyncIterator[bytes]:
    """The file that a request is, or that the form in it has. Raises UnsupportedMediaType."""
    name = media_type(request.headers)
    if name == FORM:
        return _from_form(request)
    if name == BYTES or name.startswith("image/"):
        return request.stream()
    raise UnsupportedMediaType(f"Content-Type should be image/*, {BYTES} or {FORM}, got {name or 'none'}")


async def take_upload(pieces: AsyncIterator[bytes], gateway: Gateway, owner: str) -> Upload:
    """Store a file and make it an upload.

    Raises InvalidImage, PayloadTooLarge, StoreUnavailable and what `pieces` do; nothing of the file is left.
    """
    file = await IncomingFile.start(pieces, gateway.settings.max_image_bytes)
    output_format = find_format(file.head, PARAM)
    await to_thread.run_sync(gateway.pictures.check_head, file.head, PARAM, limiter=gateway.readers)
    upload_id = new_upload_id()
    key = uploaded_key(upload_id, output_format)
    # Should this process die before the record is there, the file is found all the same.
    await run_in_threadpool(gateway.retention.expect, upload_id)
    try:
        await gateway.images.put_pieces(key, file.pieces(), output_format.content_type)
        if file.error:
            raise file.error
        width, height = await to_thread.run_sync(_measure, gateway, key, limiter=gateway.readers)
        now = datetime.now(UTC)
        upload = Upload(
            id=upload_id,
            owner=owner,
            key=key,
            width=width,
            height=height,
            content_type=output_format.content_type,
            size=file.size,
            created_at=now,
            expires_at=now + timedelta(seconds=gateway.settings.retention_seconds),
        )
        await run_in_threadpool(gateway.uploads.create, upload)
    except Exception:
        await run_in_threadpool(_drop, gateway, upload_id)
        raise
    return upload


async def _from_form(request: Request) -> AsyncIterator[bytes]:
    """The one file of a form. Raises InvalidRequest for another form, and what `read_parts` does."""
    found = None
    async for part, piece in read_parts(request.stream(), request.headers["content-type"]):
        if part.name != PARAM:
            raise InvalidRequest(f"{part.name} is not a field of this form, {PARAM} is", param=part.name)
        if found not in (None, part):
            raise InvalidRequest(f"{PARAM} should be given once, got more", param=PARAM)
        found = part
        yield piece
    if found is None:
        raise InvalidRequest(f"{PARAM} is missing", param=PARAM)


def _measure(gateway: Gateway, key: str) -> Size:
    """Width and height of a stored file, of which every pixel can be read. Raises InvalidImage."""
    return gateway.pictures.picture(gateway.images.get(key), PARAM).size


def _drop(gateway: Gateway, upload_id: str) -> None:
    # What cannot be deleted now is left to the sweep, which expects it.
    with suppress(StoreUnavailable, RedisError):
        gateway.images.delete_job(upload_id)
        gateway.retention.forget([upload_id])
