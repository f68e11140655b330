"""A client of the HTTP interface."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import httpx
from pydantic_core import from_json

from service.requests import JobRequest
from service.schemas import JobResponse, OutputResponse
from worker.jobs.job import Status

#: A stream is taken for dead after this long without even a comment, in seconds.
STREAM_SECONDS = 45.0
REQUEST_SECONDS = 30.0
#: How often in a row a stream may break off before the client gives up, and its pause between two tries.
MAX_RESUMES = 10
RESUME_SECONDS = 1.0
#: Stands for the code of an error when there was no answer.
UNREACHED = "unreached"
#: What may be over in a moment.
PASSING = (UNREACHED, "unavailable")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ClientError(Exception):
    """The gateway was not reached, or refused; the message is one line for people."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        #: The code of the error that the gateway answered with, or `UNREACHED`.
        self.code = code


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event."""

    type: str
    id: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether nothing can come after it."""
        return self.type == "status" and Status(self.data["status"]).is_final


class Client:
    """Speaks to one gateway. Every method raises ClientError."""

    def __init__(self, url: str) -> None:
        timeout = httpx.Timeout(REQUEST_SECONDS, connect=5)
        self._url = url.rstrip("/")
        try:
            # A proxy that the environment names does not lead back to this machine.
            remote = httpx.URL(self._url).host not in LOOPBACK
            self._http = httpx.Client(base_url=self._url, timeout=timeout, trust_env=remote)
        except (httpx.InvalidURL, ValueError) as error:
            raise ClientError(f"{url} is not a URL: {error}") from error

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, request: JobRequest) -> JobResponse:
        """Ask for what a request says; returns the queued job."""
        body = request.model_dump(mode="json", exclude_unset=True)
        return self._job("POST", request.path, json=body)

    def get(self, job_id: str) -> JobResponse:
        """A job as it stands."""
        return self._job("GET", f"/v1/jobs/{job_id}")

    def cancel(self, job_id: str) -> JobResponse:
        """Cancel a job; returns it as it then stands."""
        return self._job("POST", f"/v1/jobs/{job_id}/cancel")

    def events(self, job_id: str) -> Iterator[ServerEvent]:
        """What happens to a job, from its present state to its end; resumes a stream that broke off."""
        last_id, num_failures = "", 0
        while True:
            try:
                for event in self._stream(job_id, last_id):
                    last_id, num_failures = event.id, 0
                    yield event
                    if event.is_last:
                        return
            except ClientError as error:
                if error.code not in PASSING or num_failures == MAX_RESUMES:
                    raise
            num_failures += 1
            sleep(RESUME_SECONDS)

    def wait(self, job_id: str) -> JobResponse:
        """The job once it has ended."""
        *_, last = self.events(job_id)
        return JobResponse.model_validate(last.data)

    def save(self, output: OutputResponse, path: Path) -> None:
        """Load a picture into a file."""
        # By its id, not its URL: how the gateway calls itself need not be how we reach it.
        response = self._request("GET", f"/v1/images/{output.id}")
        try:
            path.write_bytes(response.content)
        except OSError as error:
            raise ClientError(f"cannot write {path}: {error.strerror}") from error

    def _job(self, method: str, path: str, **options: Any) -> JobResponse:
        return JobResponse.model_validate_json(self._request(method, path, **options).content)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._readable_errors():
            response = self._http.request(method, path, **options)
        _raise_for_error(response)
        return response

    def _stream(self, job_id: str, last_id: str) -> Iterator[ServerEvent]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx.Timeout(STREAM_SECONDS, connect=5)
        path = f"/v1/jobs/{job_id}/events"
        with (
            self._readable_errors(),
            self._http.stream("GET", path, headers=headers, timeout=timeout) as response,
        ):
            if response.is_error:
                response.read()
                _raise_for_error(response)
            yield from parse_events(response.iter_lines())
        raise ClientError(f"the events of {job_id} broke off", UNREACHED)

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ClientError(f"cannot reach the gateway at {self._url}: {reason}", UNREACHED) from error


def parse_events(lines: Iterator[str]) -> Iterator[ServerEvent]:
    """The events in the lines of a `text/event-stream`, each of which has an id, a type and JSON data."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line and "data" in fields:
            yield ServerEvent(fields["event"], fields["id"], from_json(fields["data"]))
            fields = {}


def _raise_for_error(response: httpx.Response) -> None:
    if not response.is_error:
        return
    try:
        error = response.json()["error"]
        raise ClientError(error["message"], error["code"])
    except (ValueError, KeyError, TypeError):
        message = f"{response.url} answered {response.status_code}, not as a Kandinsky gateway does"
        raise ClientError(message) from None
