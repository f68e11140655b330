"""Pictures: what jobs have made, and what callers have uploaded."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, StreamingResponse

from service.dependencies import Gateway, TheGateway, TheViewer
from service.error_answers import error_responses
from service.pictures.ranges import parse_range
from worker.jobs.errors import ImageNotFound, JobNotFound
from worker.jobs.image_keys import parse_image_id
from worker.jobs.images import Entry
from worker.jobs.uploads import is_upload_id

#: How long a URL of the object store itself is good; a browser may come back to it for half of that.
PRESIGNED_SECONDS = 3600
#: What a browser keeps of an `<img>` does not serve scripts: only an answer to them says who may read it.
VARY = {"Vary": "Origin"}

router = APIRouter(prefix="/v1/images", tags=["images"])


@dataclass(frozen=True)
class Stored:
    """What a record says of a picture."""

    key: str
    content_type: str
    owner: str


@router.head("/{image_id}", include_in_schema=False)
@router.get(
    "/{image_id}",
    response_class=Response,
    responses={
        HTTPStatus.OK: {"content": {"image/png": {}, "image/webp": {}, "image/jpeg": {}}},
        HTTPStatus.PARTIAL_CONTENT: {"description": "The bytes that `Range` asks for"},
        HTTPStatus.NOT_MODIFIED: {"description": "The caller has it already"},
        HTTPStatus.TEMPORARY_REDIRECT: {"description": "The object store has it, and gives it to the caller"},
        **error_responses(401, 403, 404, 416, 422, 503),
    },
    # Beside the API key: a signed URL needs none.
    openapi_extra={"security": [{}]},
)
async def get_image(
    image_id: str,
    request: Request,
    gateway: TheGateway,
    viewer: TheViewer,
    if_none_match: Annotated[str | None, Header()] = None,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes.")] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    """Load a picture of a job, or one that was uploaded.

    It takes the API key of its owner, or the URL that the job has of it, which is good for some time without
    any key. A picture never changes, so it may be cached for as long as it is kept.
    """
    stored = await run_in_threadpool(_find, gateway, image_id)
    if viewer is not None and viewer.owner != stored.owner:
        raise ImageNotFound(image_id)
    if gateway.settings.image_delivery == "presigned":
        return await _send_away(request, gateway, stored)
    try:
        entry = await gateway.images.find(stored.key)
        headers = _headers(gateway, image_id, stored, entry)
        if if_none_match is not None and _names(if_none_match, headers["ETag"]):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        wanted = parse_range(range_, entry.size) if _takes_part(request, if_range, headers["ETag"]) else None
        return await _send(request, gateway, stored, headers, entry, wanted)
    except ImageNotFound:
        # What callers are told of it is its id, not where it lay.
        raise ImageNotFound(image_id) from None


def _find(gateway: Gateway, image_id: str) -> Stored:
    if is_upload_id(image_id):
        upload = gateway.uploads.find(image_id)
        return Stored(upload.key, upload.content_type, upload.owner)
    job_id, index = parse_image_id(image_id)
    try:
        job = gateway.store.get(job_id)
    except JobNotFound:
        raise ImageNotFound(image_id) from None
    for output in job.outputs:
        if output.index == index:
            return Stored(output.key, output.content_type, job.owner)
    raise ImageNotFound(image_id)


def _headers(gateway: Gateway, image_id: str, stored: Stored, entry: Entry) -> dict[str, str]:
    extension = stored.key.rpartition(".")[2]
    return {
        "ETag": f'"{entry.etag}"',
        "Cache-Control": f"private, max-age={gateway.settings.retention_seconds}, immutable",
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{image_id}.{extension}"',
        **VARY,
    }


async def _send(
    request: Request,
    gateway: Gateway,
    stored: Stored,
    headers: dict[str, str],
    entry: Entry,
    wanted: range | None,
) -> Response:
    part = range(entry.size) if wanted is None else wanted
    status = HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT
    headers["Content-Length"] = str(len(part))
    if wanted is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{entry.size}"
    if request.method == "HEAD":
        return Response(None, status, headers, stored.content_type)
    pieces = await gateway.images.open(stored.key, part)
    return StreamingResponse(pieces, status, headers, stored.content_type)


async def _send_away(request: Request, gateway: Gateway, stored: Stored) -> Response:
    # The store refuses a HEAD by what was signed for GET.
    method: Literal["GET", "HEAD"] = "HEAD" if request.method == "HEAD" else "GET"
    url = await gateway.images.sign(method, stored.key, PRESIGNED_SECONDS)
    headers = {"Cache-Control": f"private, max-age={PRESIGNED_SECONDS // 2}", **VARY}
    return RedirectResponse(url, HTTPStatus.TEMPORARY_REDIRECT, headers)


def _takes_part(request: Request, if_range: str | None, etag: str) -> bool:
    """Whether a range may be asked for at all, by RFC 9110, 14.2 and 13.1.5."""
    return request.method == "GET" and if_range in (None, etag)


def _names(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags
