"""Results: what an ended job means to a caller of OpenAI's routes."""

from collections.abc import Iterator
from http import HTTPStatus

from service.answers.outcome import allowed, failure, in_base64, is_forbidden
from service.answers.view import JobView
from service.errors import ApiError
from service.openai.requests import ImageRequest
from service.openai.schemas import ImageData, ImageEvent, ImagesResponse, Usage, Verb
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, Status
from worker.jobs.stages import OutputFormat, Rendering


class JobFailed(ApiError):
    """The job of a request came to its end without pictures."""

    def __init__(self, job: Job) -> None:
        error = failure(job)
        # OpenAI's clients send a request again after most errors, which would fail again.
        headers = {"X-Should-Retry": "false"}
        super().__init__(
            f"job {job.id} has no pictures: {error.message}", details={"job": job.id}, headers=headers
        )
        forbidden = is_forbidden(error)
        self.status = HTTPStatus.BAD_REQUEST if forbidden else HTTPStatus.INTERNAL_SERVER_ERROR
        self.code = error.code


def check_succeeded(job: Job) -> None:
    """Raise JobFailed for a job that has ended in any other way."""
    if job.status is not Status.SUCCEEDED:
        raise JobFailed(job)


def images_response(asked: ImageRequest, job: Job, view: JobView, images: ImageStore) -> ImagesResponse:
    """The answer with the pictures of a job that has succeeded. Raises StoreUnavailable."""
    return ImagesResponse(
        created=created(job),
        data=[
            ImageData(
                url=None if asked.wants_base64 else view.show_output(job.id, output).url,
                b64_json=in_base64(output, images) if asked.wants_base64 else None,
                revised_prompt=job.text,
            )
            for output in allowed(job)
        ],
        output_format=output_format(job),
        quality=asked.quality,
        size=size(job),
    )


def completed_events(asked: ImageRequest, verb: Verb, job: Job, images: ImageStore) -> Iterator[ImageEvent]:
    """An event for each picture of a job that has succeeded. Raises StoreUnavailable."""
    for output in allowed(job):
        yield ImageEvent(
            type=f"{verb}.completed",
            b64_json=in_base64(output, images),
            created_at=created(job),
            output_format=output_format(job),
            quality=asked.quality or "auto",
            size=size(job),
            usage=Usage(),
        )


def created(job: Job) -> int:
    """When a job was asked for, as Unix time in seconds."""
    return int(job.created_at.timestamp())


def size(job: Job) -> str:
    """Width x height of the pictures that the job ends with."""
    last = _last_rendering(job)
    return f"{last.width}x{last.height}"


def output_format(job: Job) -> OutputFormat:
    """What the pictures of a job are encoded as."""
    return _last_rendering(job).output_format


def _last_rendering(job: Job) -> Rendering:
    return next(stage for stage in reversed(job.stages) if isinstance(stage, Rendering))
