"""Requests that make pictures."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from service.answers.schemas import JobResponse
from service.bodies.reading import RequestBody
from service.error_answers import error_responses
from service.intake.prefer import describe_prefer
from service.intake.submission import TheSubmission
from service.requests import (
    ImageToImageRequest,
    InpaintingRequest,
    OutpaintingRequest,
    SuperResolutionRequest,
    TextToImageRequest,
)

router = APIRouter(tags=["generation"], dependencies=[Depends(describe_prefer)])

HEADERS = {
    "Location": "Where the job is found.",
    "Preference-Applied": "How long the answer may have waited, if `Prefer` asked for it.",
    "Idempotency-Replayed": "`true` if the job is that of an earlier request under this `Idempotency-Key`.",
}
TOLD = {name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()}
ANSWERS: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {
        "model": JobResponse,
        "description": "The job, ended within `Prefer: wait`, or the one that a replay finds ended.",
        "headers": TOLD,
    },
    HTTPStatus.ACCEPTED: {"description": "The job, which has not ended.", "headers": TOLD},
    **error_responses(400, 408, 409, 413, 415, 422, 429, 503),
}


@router.post("/v1/text-to-image", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def text_to_image(
    body: Annotated[TextToImageRequest, Depends(RequestBody(TextToImageRequest))],
    submission: TheSubmission,
) -> JobResponse:
    """Draw pictures of a prompt.

    The answer comes at once, as 202 with a queued job: follow it by its `events` URL, or ask for it by
    `self`. With `Prefer: wait=N` the answer waits for up to N seconds (60 at most) and is 200 with the ended
    job, or 202 if that took longer. Giving up the connection does not cancel the job.

    With an `Idempotency-Key` the same request, sent again within a day, answers with the job that it has
    become, as it is now, and with `Idempotency-Replayed: true`. Another request under the same key is 422
    `idempotency_key_reuse`; once the job has been removed it is 409 `idempotency_conflict`.

    A request is refused as 429 `queue_full` when as many jobs wait as may, or when the estimated wait is
    longer than `deadline_seconds` or than the operator allows; `Retry-After` tells when there should be room.
    Jobs of lower `priority` do not count.

    More may be done by the same job, in this order: `beautify` has a language model make the prompt richer
    first, `refine` goes over the finished pictures, `upscale` makes them larger. Each is a stage with a queue
    and a model of its own; `stages` of the job names them.
    """
    return await submission.take(body)


@router.post("/v1/image-to-image", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def image_to_image(
    body: Annotated[ImageToImageRequest, Depends(RequestBody(ImageToImageRequest))],
    submission: TheSubmission,
) -> JobResponse:
    """Draw a picture again, after a prompt.

    `image` is a PNG, JPEG or WebP file, in base64 or as a data URL, and is read as it is seen: turned as its
    EXIF data say, and on white where it is transparent. It may have any size: it is scaled and cut to the
    size that is drawn, which is the one asked for, else its own if the model can draw that, else the model's
    default in about its shape. The higher `strength` is, the less of the picture stays.

    The answer is that of text-to-image.
    """
    return await submission.take(body)


@router.post("/v1/inpainting", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def inpainting(
    body: Annotated[InpaintingRequest, Depends(RequestBody(InpaintingRequest))],
    submission: TheSubmission,
) -> JobResponse:
    """Draw a part of a picture anew, after a prompt that says what the whole shows.

    `image` and `mask` are pictures of one size, read as for image-to-image. What is transparent in the mask
    is drawn anew; in a mask without transparency it is what is white. What is between is blended: greys below
    16 count as black and above 239 as white. A part has to be drawn anew, and a part has to stay.

    The picture may have any size. One that the model cannot draw is drawn at another size, and what was drawn
    is brought back to its own; with `paste_back` what is outside the mask stays as it is in either case. The
    stages after that do not keep it: `refine` and `upscale` go over the whole picture.

    The answer is that of text-to-image.
    """
    return await submission.take(body)


@router.post("/v1/outpainting", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def outpainting(
    body: Annotated[OutpaintingRequest, Depends(RequestBody(OutpaintingRequest))],
    submission: TheSubmission,
) -> JobResponse:
    """Continue a picture beyond its edges, after a prompt that says what the whole shows.

    `image` is read as for image-to-image, and grows by `left`, `right`, `top` and `bottom` pixels, of which
    at least one is above 0. What is more than the model can draw at once is drawn window by window, from the
    picture outwards; no side of the result may be longer than the model's `max_outpainted_side`.
    The stages after that do not keep the picture as it was given: `refine` and `upscale` go over the whole
    result.

    The answer is that of text-to-image.
    """
    return await submission.take(body)


@router.post("/v1/super-resolution", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def super_resolution(
    body: Annotated[SuperResolutionRequest, Depends(RequestBody(SuperResolutionRequest))],
    submission: TheSubmission,
) -> JobResponse:
    """Make a picture 2 or 4 times as wide and as high, with the detail that it lacks.

    `image` is read as for image-to-image. The limits of a model in `GET /v1/models` are those of the result.
    `refine` goes over the result.

    The answer is that of text-to-image.
    """
    return await submission.take(body)
