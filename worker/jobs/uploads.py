"""Uploads: pictures that callers have sent ahead, to be named in requests."""

import re

from pydantic import AwareDatetime, ValidationError
from redis import Redis

from worker.jobs.errors import ImageNotFound
from worker.jobs.job import new_id
from worker.jobs.retention import ENDED
from worker.jobs.value import Value

#: Whether a text looks like the id of an upload: as that of a job does, with another beginning.
is_upload_id = re.compile(r"upl_[0-7][0-9a-hjkmnp-tv-z]{25}").fullmatch


class Upload(Value):
    """One picture that was sent ahead and is kept for a time."""

    id: str
    #: Id of the API key that sent it, or nothing.
    owner: str = ""
    #: Where it lies in the image store.
    key: str
    #: In pixels, as it is seen.
    width: int
    height: int
    content_type: str
    #: In bytes.
    size: int
    created_at: AwareDatetime
    #: When its record and its picture go.
    expires_at: AwareDatetime


class UploadStore:
    """The records of all uploads in one Redis database.

    Redis failures come out as `redis.exceptions.RedisError`.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def create(self, upload: Upload) -> None:
        """Record an upload whose picture is stored; when its time is over, the sweep of jobs finds it."""
        milliseconds = int(upload.expires_at.timestamp() * 1000)
        with self._redis.pipeline() as pipeline:
            pipeline.set(upload_key(upload.id), upload.model_dump_json(), pxat=milliseconds)
            pipeline.zadd(ENDED, {upload.id: milliseconds})
            pipeline.execute()

    def find(self, upload_id: str) -> Upload:
        """An upload that is still kept. Raises ImageNotFound."""
        record = self._redis.get(upload_key(upload_id)) if is_upload_id(upload_id) else None
        if record is None:
            raise ImageNotFound(upload_id)
        try:
            return Upload.model_validate_json(record)
        except ValidationError as error:
            # Written by a version of this program that is not ours.
            raise ImageNotFound(upload_id) from error


def new_upload_id() -> str:
    """An id that sorts by creation time and cannot be guessed."""
    return new_id("upl")


def upload_key(upload_id: str) -> str:
    """Where the record of an upload lies in Redis."""
    return f"upload:{upload_id}"
