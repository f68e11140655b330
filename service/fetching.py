"""Pictures that a request gives by their address: fetched from the hosts that the operator allows."""

from typing import TypeVar

import httpx
from fastapi import Request

from service.bodies.inline import is_address, too_large
from service.bodies.limit import hold
from service.dependencies import Gateway
from service.errors import InvalidImage
from service.requests import JobRequest, PictureFile
from worker.jobs.errors import AddressRefused, FetchFailed, FetchTooLarge
from worker.jobs.outbound import fetch

R = TypeVar("R", bound=JobRequest)

#: The fields of requests that hold pictures.
PICTURES = ("image", "mask")


async def fetch_pictures(body: R, request: Request, gateway: Gateway) -> R:
    """The body of a request with the files in place of their addresses.

    Raises InvalidImage, PayloadTooLarge, and HTTPException when no more files fit into memory.
    """
    given = {param: getattr(body, param, None) for param in PICTURES}
    addresses = {
        param: picture for param, picture in given.items() if isinstance(picture, str) and is_address(picture)
    }
    if not addresses:
        return body
    files = {}
    for param, url in addresses.items():
        files[param] = await _fetch(url, param, gateway)
        # A request of a few bytes takes up as much as one that brings its pictures.
        hold(request, len(files[param].content))
    return body.model_copy(update=files)


async def _fetch(url: str, param: str, gateway: Gateway) -> PictureFile:
    _check_host(url, param, gateway.settings.image_url_hosts)
    max_bytes = gateway.settings.max_image_bytes
    try:
        # Nothing waits in a thread: a host may take all the time that it is given.
        async with gateway.fetchers:
            fetched = await fetch(url, max_bytes, gateway.guard)
    except (AddressRefused, FetchFailed) as error:
        raise InvalidImage(param, str(error)) from error
    except FetchTooLarge as error:
        raise too_large(param, max_bytes + 1, max_bytes) from error
    return PictureFile(fetched.content)


def _check_host(url: str, param: str, hosts: str | None) -> None:
    if hosts is None:
        raise InvalidImage(param, "should be base64 or a data URL; pictures are not fetched from addresses")
    allowed = [host.strip().lower() for host in hosts.split(",")]
    host = _host(url)
    if host not in allowed:
        raise InvalidImage(param, f"should be at one of the hosts {', '.join(allowed)}, got {host!r}")


def _host(url: str) -> str | None:
    """The host as whoever fetches reads it, so that what is asked is what was allowed."""
    try:
        return httpx.URL(url).host.lower()
    except httpx.InvalidURL:
        return None
