"""Uploads: pictures that are sent once and then named in requests."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response

from service.answers.schemas import UploadResponse
from service.bodies.limit import pass_on
from service.bodies.media_types import BYTES, FORM
from service.dependencies import TheCaller, TheGateway, TheView
from service.error_answers import error_responses
from service.uploads import PARAM, incoming_pieces, take_upload
from worker.jobs.stages import OutputFormat

router = APIRouter(prefix="/v1/images", tags=["images"])

FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
FORM_SCHEMA = {"type": "object", "properties": {PARAM: FILE["schema"]}, "required": [PARAM]}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        **{output_format.content_type: FILE for output_format in OutputFormat},
        BYTES: FILE,
        FORM: {"schema": FORM_SCHEMA},
    },
}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=error_responses(400, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": BODY},
)
async def upload_image(
    request: Request, response: Response, gateway: TheGateway, caller: TheCaller, view: TheView
) -> UploadResponse:
    """Upload a picture, to be named as `{"upload": id}` wherever a request takes one.

    The body is the file itself, or a form with the file as its field `image`: PNG, JPEG or WebP, within the
    limits for pictures in requests. It is kept as long as an ended job.
    """
    pass_on(request, gateway.images.max_held_bytes)
    upload = await take_upload(incoming_pieces(request), gateway, caller.owner)
    shown = view.show_upload(upload)
    response.headers["Location"] = shown.url
    return shown
