"""The picture routes of OpenAI's API."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends, Response

from service.dialect import DialectBody, DialectRoute
from service.error_answers import error_responses
from service.openai.exchange import TheExchange
from service.openai.requests import EditRequest, GenerationRequest, read_edit
from service.openai.schemas import ImagesResponse
from service.openai.translation import translate_edit, translate_generation


class OpenAIRoute(DialectRoute):
    """A route whose fields are called as OpenAI has it."""

    names: ClassVar[Mapping[str, str]] = {
        "width": "size",
        "height": "size",
        "num_images": "n",
        "output_quality": "output_compression",
    }


router = APIRouter(prefix="/v1/images", tags=["OpenAI"], route_class=OpenAIRoute)

#: One event of a stream, whose data are an `ImageEvent`, or an error in its usual form.
EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {
        "description": "The pictures; with `stream` they come as events",
        "content": {"text/event-stream": {"itemSchema": EVENT}},
    },
    **error_responses(400, 401, 404, 408, 409, 413, 415, 429, 500, 503),
}


@router.post(
    "/generations", response_model=ImagesResponse, response_model_exclude_none=True, responses=ANSWERS
)
async def generate_images(
    body: Annotated[GenerationRequest, Depends(DialectBody(GenerationRequest))], exchange: TheExchange
) -> ImagesResponse | Response:
    """Draw pictures of a prompt, as OpenAI's API does.

    The answer comes when the job has ended; `Location` names the job, which is like any other. Giving up the
    connection does not cancel it, unless `X-Cancel-On-Disconnect: true` was sent.

    With `stream` the answer is server-sent events: up to `partial_images` times
    `image_generation.partial_image`, a small preview, then `image_generation.completed` for each picture. A
    failure after the first byte is an event `error`.

    What is wrong with a request is 400 here, where our own routes answer 422. Pictures that the filter has
    censored are left out; if it has all of them, the answer is 400 `content_filtered`.
    """
    styles = exchange.gateway.styles
    return await exchange.answer(body, translate_generation(body, styles), "image_generation")


@router.post("/edits", response_model=ImagesResponse, response_model_exclude_none=True, responses=ANSWERS)
async def edit_images(
    body: Annotated[EditRequest, Depends(DialectBody(EditRequest, read_edit))], exchange: TheExchange
) -> ImagesResponse | Response:
    """Draw a picture again after a prompt, or a part of it anew, as OpenAI's API does.

    With a `mask` it is inpainting: what is transparent in the mask is drawn anew, and the size is that of the
    picture. Without one it is image-to-image, as large as `size` says, else as the picture if the model can
    draw that. One picture is taken at a time.

    The answer is that of `/v1/images/generations`; the events are called `image_edit.…`.
    """
    return await exchange.answer(body, translate_edit(body), "image_edit")
