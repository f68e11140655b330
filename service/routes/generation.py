"""Requests that make pictures."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from service.errors import error_responses
from service.requests import InpaintingRequest, SuperResolutionRequest, TextToImageRequest
from service.schemas import JobResponse
from service.submission import TheSubmission

router = APIRouter(tags=["generation"])

ANSWERS: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {"model": JobResponse, "description": "The job, ended within `Prefer: wait`"},
    **error_responses(400, 413, 415, 422, 429, 503),
}


@router.post("/v1/text-to-image", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def text_to_image(body: TextToImageRequest, submission: TheSubmission) -> JobResponse:
    """Draw pictures of a prompt.

    The answer comes at once, as 202 with a queued job: follow it by its `events` URL, or ask for it by
    `self`. With `Prefer: wait=N` the answer waits for up to N seconds (60 at most) and is 200 with the ended
    job, or 202 if that took longer. Giving up the connection does not cancel the job.
    """
    return await submission.take(body)


@router.post("/v1/inpainting", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def inpainting(body: InpaintingRequest, submission: TheSubmission) -> JobResponse:
    """Draw a part of a picture anew, after a prompt that says what the whole shows.

    `image` and `mask` are PNG, JPEG or WebP files of one size, in base64 or as data URLs. What is transparent
    in the mask is drawn anew; in a mask without transparency it is what is white. A picture is read as it
    is seen: turned as its EXIF data say, and on white where it is transparent. Its width and height must be
    sizes that the model can draw.

    The answer is that of text-to-image.
    """
    return await submission.take(body)


@router.post("/v1/super-resolution", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def super_resolution(body: SuperResolutionRequest, submission: TheSubmission) -> JobResponse:
    """Make a picture 2 or 4 times as wide and as high, with the detail that it lacks.

    `image` is a PNG, JPEG or WebP file, in base64 or as a data URL, and is read as for inpainting. The limits
    of a model in `GET /v1/models` are those of the result.

    The answer is that of text-to-image.
    """
    return await submission.take(body)
