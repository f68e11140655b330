"""What routes are given: the parts of the gateway, and a way to show jobs to the caller."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Query, Request
from redis import Redis

from service.access.auth import KeyRing, bearer
from service.access.callers import Caller
from service.access.credentials import read_credentials
from service.access.rates import Rates
from service.answers.view import JobView
from service.connections import connect
from service.errors import Forbidden
from service.following import Followers, open_followers
from service.intake.estimates import Lookout
from service.metrics import GatewayMetrics, QueueCollector
from service.pictures.reading import PictureReader
from service.pictures.sources import PictureSources
from service.planning.styles import Style, load_styles
from service.settings import GatewaySettings
from worker.jobs.addresses import Guard
from worker.jobs.backlog import Backlog
from worker.jobs.catalog import Catalog
from worker.jobs.images import ImageStore
from worker.jobs.keys import KeyStore
from worker.jobs.retention import Retention
from worker.jobs.store import JobStore
from worker.jobs.uploads import UploadStore
from worker.jobs.words import WordList, load_words

#: How many requests may have their pictures read at a time: each takes up to some hundred megabytes.
MAX_READERS = 4
#: How many pictures are fetched from their addresses at a time.
MAX_FETCHERS = 8


@dataclass(frozen=True)
class Gateway:
    """The parts of one gateway process."""

    settings: GatewaySettings
    redis: Redis
    keys: KeyRing
    rates: Rates
    store: JobStore
    backlog: Backlog
    retention: Retention
    images: ImageStore
    uploads: UploadStore
    pictures: PictureReader
    #: The threads that read pictures, apart from those of all other requests, which need not wait for them.
    readers: CapacityLimiter
    #: Whoever fetches a picture from its address.
    fetchers: CapacityLimiter
    catalog: Catalog
    lookout: Lookout
    #: By their names.
    styles: Mapping[str, Style]
    #: What no prompt may ask for; None checks nothing.
    words: WordList | None
    #: Which addresses of callers may be reached.
    guard: Guard
    followers: Followers
    metrics: GatewayMetrics

    def sources_for(self, caller: Caller) -> PictureSources:
        """Where the pictures that a caller names are found."""
        max_bytes = self.settings.max_image_bytes
        return PictureSources(self.store, self.uploads, self.images, caller.owner, max_bytes)


@asynccontextmanager
async def open_gateway(settings: GatewaySettings, metrics: GatewayMetrics) -> AsyncIterator[Gateway]:
    """Wire the parts together, and close their connections at the end.

    Raises StoreUnavailable, BadStyles and BadWordList.
    """
    styles, words = load_styles(settings.styles_file), load_words(settings)
    redis = connect(settings)
    store = JobStore(redis, settings.retention_seconds, settings.max_queue_length)
    backlog, catalog = Backlog(redis), Catalog(redis)
    collector = QueueCollector(backlog, catalog)
    metrics.registry.register(collector)
    try:
        async with open_followers(settings, metrics) as followers:
            yield Gateway(
                settings=settings,
                redis=redis,
                keys=KeyRing(KeyStore(redis), settings),
                rates=Rates(redis),
                store=store,
                backlog=backlog,
                retention=Retention(redis),
                images=ImageStore(settings.images_url),
                uploads=UploadStore(redis),
                pictures=PictureReader(settings.max_image_pixels),
                readers=CapacityLimiter(MAX_READERS),
                fetchers=CapacityLimiter(MAX_FETCHERS),
                catalog=catalog,
                lookout=Lookout(catalog, backlog, settings.outlook_seconds),
                styles=styles,
                words=words,
                guard=Guard.of(settings.allowed_networks),
                followers=followers,
                metrics=metrics,
            )
    finally:
        metrics.registry.unregister(collector)
        redis.close()


async def get_gateway(request: Request) -> Gateway:
    """The parts of the gateway that serves this request."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def get_caller(
    request: Request,
    gateway: Annotated[Gateway, Depends(get_gateway)],
    _: Annotated[object, Depends(bearer)] = None,
) -> Caller:
    """Who asks. Raises Unauthorized."""
    caller = await gateway.keys.identify(request.headers)
    request.state.caller = caller
    return caller


async def get_viewer(
    request: Request,
    image_id: str,
    gateway: Annotated[Gateway, Depends(get_gateway)],
    expires: Annotated[
        int | None, Query(ge=0, le=10**12, description="Until when the URL needs no API key.")
    ] = None,
    signature: Annotated[str | None, Query(description="What proves that we made the URL.")] = None,
    _: Annotated[object, Depends(bearer)] = None,
) -> Caller | None:
    """Who asks for a picture; None for whoever has a URL that is signed for it.

    Raises Unauthorized, and Forbidden for a URL that is no longer good and comes without a key.
    """
    if expires is None or signature is None:
        return await get_caller(request, gateway)
    if (await gateway.keys.signer()).is_good(image_id, expires, signature):
        return None
    if read_credentials(request.headers) is None:
        raise Forbidden("the URL of the picture has expired or was changed; ask for its job again")
    return await get_caller(request, gateway)


async def get_view(
    request: Request,
    gateway: Annotated[Gateway, Depends(get_gateway)],
    caller: Annotated[Caller, Depends(get_caller)],
) -> JobView:
    """How this caller sees jobs. Raises what `get_caller` does."""
    base_url = gateway.settings.public_url or str(request.base_url).rstrip("/")
    signer = await gateway.keys.signer()
    return JobView(gateway.store, gateway.backlog, caller, base_url, signer, gateway.lookout)


TheGateway = Annotated[Gateway, Depends(get_gateway)]
TheCaller = Annotated[Caller, Depends(get_caller)]
TheViewer = Annotated[Caller | None, Depends(get_viewer)]
TheView = Annotated[JobView, Depends(get_view)]
