"""Pictures."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response

from service.dependencies import Gateway, TheGateway
from service.errors import RangeNotSatisfiable, error_responses
from worker.jobs.errors import ImageNotFound, JobNotFound
from worker.jobs.images import Image, parse_image_id
from worker.jobs.job import Output

router = APIRouter(prefix="/v1/images", tags=["images"])

_range = re.compile(r"bytes=(\d{0,18})-(\d{0,18})").fullmatch


@router.head("/{image_id}", include_in_schema=False)
@router.get(
    "/{image_id}",
    response_class=Response,
    responses={
        HTTPStatus.OK: {"content": {"image/png": {}, "image/webp": {}, "image/jpeg": {}}},
        HTTPStatus.PARTIAL_CONTENT: {"description": "The bytes that `Range` asks for"},
        HTTPStatus.NOT_MODIFIED: {"description": "The caller has it already"},
        **error_responses(404, 416, 422, 503),
    },
)
def get_image(
    image_id: str,
    gateway: TheGateway,
    if_none_match: Annotated[str | None, Header()] = None,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes.")] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    """Load a picture.

    A picture never changes, so it may be cached for as long as it is kept.
    """
    output = _find_output(gateway, image_id)
    image = _load(gateway, output, image_id)
    etag = f'"{image.etag}"'
    extension = output.key.rpartition(".")[2]
    headers = {
        "ETag": etag,
        "Cache-Control": f"private, max-age={gateway.settings.retention_seconds}, immutable",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'inline; filename="{image_id}.{extension}"',
    }
    if if_none_match is not None and _names(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = None if if_range not in (None, etag) else _parse_range(range_, len(image.bytes))
    if wanted is None:
        return Response(image.bytes, headers=headers, media_type=output.content_type)
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(image.bytes)}"
    part = image.bytes[wanted.start : wanted.stop]
    return Response(part, HTTPStatus.PARTIAL_CONTENT, headers, output.content_type)


def _find_output(gateway: Gateway, image_id: str) -> Output:
    job_id, index = parse_image_id(image_id)
    try:
        job = gateway.store.get(job_id)
    except JobNotFound:
        raise ImageNotFound(image_id) from None
    for output in job.outputs:
        if output.index == index:
            return output
    raise ImageNotFound(image_id)


def _load(gateway: Gateway, output: Output, image_id: str) -> Image:
    try:
        return gateway.images.get(output.key)
    except ImageNotFound:
        # What callers are told of it is its id, not where it lay.
        raise ImageNotFound(image_id) from None


def _names(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags


def _parse_range(header: str | None, size: int) -> range | None:
    """The bytes that a `Range` header asks for; None for all, as for a form that is not served.

    Raises RangeNotSatisfiable.
    """
    match = _range(header or "")
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < int(first):
        return None
    if start >= size:
        message = f"Range should begin before byte {size}, got {header}"
        raise RangeNotSatisfiable(message, param="Range", headers={"Content-Range": f"bytes */{size}"})
    return range(start, stop)
