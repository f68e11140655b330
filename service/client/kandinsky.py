"""The client: what a gateway can be asked, as methods."""

import uuid
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Self

from service.answers.schemas import (
    JobList,
    JobResponse,
    ModelList,
    ModelResponse,
    OutputResponse,
    QueueList,
    QueueResponse,
    UploadResponse,
)
from service.client.connection import Connection
from service.client.errors import UNREACHED, ClientError
from service.client.events import ServerEvent, parse_events
from service.requests import JobRequest
from worker.jobs.job import Status
from worker.jobs.stages import Kind

#: How often a request is sent at most.
MAX_ATTEMPTS = 5
#: How often in a row a stream may break off before the client gives up, and its pause between two tries.
MAX_RESUMES = 30
RESUME_SECONDS = 1.0
#: How many jobs are listed at a time.
PAGE = 100


class Kandinsky:
    """Speaks to one gateway. Every method raises ClientError.

    A request that did not reach the gateway, or was answered with 429, 502, 503 or 504, is sent up to
    `max_attempts` times, after the pause that `Retry-After` asks for unless that is more than a minute.
    """

    def __init__(self, url: str, api_key: str | None = None, *, max_attempts: int = MAX_ATTEMPTS) -> None:
        self._connection = Connection(url, api_key, max_attempts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def submit(self, request: JobRequest, idempotency_key: str | None = None) -> JobResponse:
        """Ask for what a request says; returns the queued job.

        The gateway takes requests with one key for one request, so that sending again makes no second job.
        Without a key this call has one of its own; with one, calls can be repeated as well.
        """
        body = request.model_dump(mode="json", exclude_unset=True)
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._connection.ask(JobResponse, "POST", request.path, json=body, headers=headers)

    def get(self, job_id: str) -> JobResponse:
        """A job as it stands."""
        return self._connection.ask(JobResponse, "GET", f"/v1/jobs/{job_id}")

    def jobs(self, kind: Kind | None = None, status: Status | None = None) -> Iterator[JobResponse]:
        """One's own jobs, newest first: all, or those of a kind or status. More are asked for as needed."""
        query: dict[str, str | int] = {"limit": PAGE}
        query |= {name: value for name, value in (("kind", kind), ("status", status)) if value is not None}
        while True:
            page = self._connection.ask(JobList, "GET", "/v1/jobs", params=query)
            yield from page.data
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor

    def events(self, job_id: str) -> Iterator[ServerEvent]:
        """What happens to a job, from its present state to its end; resumes a stream that broke off."""
        last_id, num_failures = "", 0
        while True:
            pause = RESUME_SECONDS
            try:
                for event in self._stream(job_id, last_id):
                    last_id, num_failures = event.id, 0
                    yield event
                    if event.is_last:
                        return
            except ClientError as error:
                if not error.is_passing or num_failures == MAX_RESUMES:
                    raise
                pause = error.retry_after or pause
            num_failures += 1
            sleep(pause)

    def wait(self, job_id: str) -> JobResponse:
        """The job once it has ended, whether it succeeded or not."""
        # Only the last is kept: there are previews among them.
        last = deque(self.events(job_id), maxlen=1).pop()
        return JobResponse.model_validate(last.data)

    def cancel(self, job_id: str) -> JobResponse:
        """Cancel a job; returns it as it then stands."""
        return self._connection.ask(JobResponse, "POST", f"/v1/jobs/{job_id}/cancel")

    def delete(self, job_id: str) -> None:
        """See that a job and its pictures are gone; it is canceled first if it has not ended."""
        try:
            self._connection.request("DELETE", f"/v1/jobs/{job_id}")
        except ClientError as error:
            # The answer to an attempt that removed it may have been lost.
            if error.code != "not_found":
                raise

    def upload(self, picture: Path | bytes) -> UploadResponse:
        """Upload a picture once, for requests that name it as `{"upload": id}`."""
        content = picture if isinstance(picture, bytes) else _read(picture)
        headers = {"Content-Type": "application/octet-stream"}
        return self._connection.ask(UploadResponse, "POST", "/v1/images", content=content, headers=headers)

    def load(self, output: OutputResponse) -> bytes:
        """The file of a picture."""
        # By its id, not its URL: how the gateway calls itself need not be how we reach it.
        # It may send us on to where the pictures are kept.
        path = f"/v1/images/{output.id}"
        return self._connection.request("GET", path, follow_redirects=True).content

    def save(self, output: OutputResponse, path: Path) -> None:
        """Load a picture into a file."""
        content = self.load(output)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ClientError(f"cannot write {path}: {error.strerror}") from error

    def models(self) -> list[ModelResponse]:
        """What can be asked for, with limits and defaults, and who serves it."""
        return self._connection.ask(ModelList, "GET", "/v1/models").data

    def queue(self) -> list[QueueResponse]:
        """How busy the workers are, for each kind and model."""
        return self._connection.ask(QueueList, "GET", "/v1/queue").data

    def _stream(self, job_id: str, last_id: str) -> Iterator[ServerEvent]:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with self._connection.stream(f"/v1/jobs/{job_id}/events", headers) as lines:
            yield from parse_events(lines)
        raise ClientError(f"the events of {job_id} broke off", UNREACHED)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from error
