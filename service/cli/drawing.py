"""`kandinsky generate` and its sisters: a request, its progress on the terminal, and what came of it."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from service.answers.schemas import JobResponse
from service.client import ClientError, Kandinsky, ServerEvent
from service.requests import BeautificationRequest, JobRequest, RenderingRequest
from worker.jobs.job import Status
from worker.jobs.stages import OutputFormat

FORMATS = {
    ".png": OutputFormat.PNG,
    ".webp": OutputFormat.WEBP,
    ".jpg": OutputFormat.JPEG,
    ".jpeg": OutputFormat.JPEG,
}
#: A pause of this many seconds before a request is sent again is told.
TOLD_SECONDS = 2.0


class Canceled(Exception):
    """The user has pressed Ctrl-C, and the job is canceled."""


def draw(
    kind: type[RenderingRequest], wishes: Mapping[str, Any], path: Path, url: str, api_key: str | None
) -> Iterator[Path]:
    """Make what `wishes`, the fields of a request, ask for; gives the path of each picture once saved.

    A wish that is a path stands for the picture in that file. Raises ClientError,
    ValidationError and Canceled.
    """
    if not path.parent.is_dir():
        raise ClientError(f"the folder of {path} does not exist")
    fields = {name: _load(wish) if isinstance(wish, Path) else wish for name, wish in wishes.items()}
    request = kind.model_validate({**fields, "output_format": _format(path)})
    with _connect(url, api_key) as client:
        job = _run(client, request)
        for output, target in zip(job.outputs, _paths(path, len(job.outputs)), strict=True):
            client.save(output, target)
            yield target


def reword(wishes: Mapping[str, Any], url: str, api_key: str | None) -> str:
    """What a language model makes of a prompt. Raises as `draw` does."""
    with _connect(url, api_key) as client:
        return _run(client, BeautificationRequest.model_validate(wishes)).text or ""


def _connect(url: str, api_key: str | None) -> Kandinsky:
    # What is said of retries is otherwise for logs and metrics.
    set_on_retry_hooks([_tell_of_pause])
    return Kandinsky(url, api_key)


def _tell_of_pause(details: RetryDetails) -> None:
    if details.wait_for >= TOLD_SECONDS:
        _console().print(f"kandinsky: {details.caused_by}; again in {details.wait_for:.0f} s", markup=False)


def _run(client: Kandinsky, request: JobRequest) -> JobResponse:
    """The job of a request once it has succeeded; what its owner should know of it is said."""
    job = client.submit(request)
    console = _console()
    try:
        job = _watch(client, job, console)
    except KeyboardInterrupt:
        client.cancel(job.id)
        raise Canceled from None
    if job.status is not Status.SUCCEEDED:
        raise ClientError(_explain(job))
    for warning in job.warnings:
        console.print(f"kandinsky: {warning}", markup=False)
    return job


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def _load(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from error


def _watch(client: Kandinsky, job: JobResponse, console: Console) -> JobResponse:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(_describe(job.stage, job.status), total=1.0, step="")
        for event in client.events(job.id):
            bar.update(task, **_shown(event))
    return JobResponse.model_validate(event.data)


def _shown(event: ServerEvent) -> dict[str, Any]:
    """What changes on the bar."""
    match event.type:
        case "status":
            return {"description": _describe(event.data["stage"], event.data["status"]), "step": ""}
        case "progress":
            return {
                "completed": event.data["fraction"],
                "step": f"step {event.data['step']}/{event.data['steps']}",
            }
        case _:
            return {}


def _describe(stage: str, status: str) -> str:
    return f"{stage} {status}"


def _format(path: Path) -> OutputFormat:
    if path.suffix.lower() not in FORMATS:
        raise ClientError(f"{path} should end in {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


def _paths(path: Path, num_images: int) -> list[Path]:
    if num_images == 1:
        return [path]
    return [path.with_stem(f"{path.stem}-{index}") for index in range(num_images)]


def _explain(job: JobResponse) -> str:
    if job.error is not None:
        return f"the job failed: {job.error.message} ({job.error.code})"
    return f"the job has ended as {job.status}"
