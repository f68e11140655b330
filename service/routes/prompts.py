"""Requests that make prompts."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends

from service.answers.schemas import JobResponse
from service.bodies.reading import RequestBody
from service.intake.prefer import describe_prefer
from service.intake.submission import TheSubmission
from service.requests import BeautificationRequest
from service.routes.generation import ANSWERS

router = APIRouter(prefix="/v1/prompts", tags=["prompts"], dependencies=[Depends(describe_prefer)])


@router.post("/beautify", status_code=HTTPStatus.ACCEPTED, responses=ANSWERS)
async def beautify(
    body: Annotated[BeautificationRequest, Depends(RequestBody(BeautificationRequest))],
    submission: TheSubmission,
) -> JobResponse:
    """Have a language model make a prompt richer.

    The job has no pictures: what the model says is its `text`, in the `style` if one is named, and short
    enough for the text encoder of the networks. If the model says nothing of use, `text` is the prompt itself
    and `warnings` tell why.

    The answer is that of text-to-image. `beautify: true` on a request for pictures does the same, and draws
    what the model says.
    """
    return await submission.take(body)
