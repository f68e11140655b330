"""What routes are given: the parts of the gateway, and a way to show jobs to the caller."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request
from redis import Redis

from service.callers import ANYBODY, Caller
from service.connections import connect, connect_async
from service.following import Followers
from service.metrics import GatewayMetrics, QueueCollector
from service.pictures import PictureReader
from service.settings import GatewaySettings
from service.styles import Style, load_styles
from service.view import JobView
from worker.jobs.catalog import Catalog
from worker.jobs.images import ImageStore
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.store import JobStore

#: How many requests may have their pictures read at a time: each takes up to some hundred megabytes.
MAX_READERS = 4


@dataclass(frozen=True)
class Gateway:
    """The parts of one gateway process."""

    settings: GatewaySettings
    redis: Redis
    store: JobStore
    queue: JobQueue
    images: ImageStore
    pictures: PictureReader
    #: The threads that read pictures, apart from those of all other requests, which need not wait for them.
    readers: CapacityLimiter
    catalog: Catalog
    #: By their names.
    styles: Mapping[str, Style]
    followers: Followers
    metrics: GatewayMetrics


@asynccontextmanager
async def open_gateway(settings: GatewaySettings, metrics: GatewayMetrics) -> AsyncIterator[Gateway]:
    """Wire the parts together, and close their connections at the end.

    Raises StoreUnavailable and BadStyles.
    """
    styles = load_styles(settings.styles_file)
    redis, followed = connect(settings), connect_async(settings)
    store = JobStore(redis, settings.retention_seconds, settings.max_queue_length)
    catalog = Catalog(redis)
    collector = QueueCollector(store, catalog)
    app = celery_app(settings, "gateway")
    metrics.registry.register(collector)
    try:
        yield Gateway(
            settings=settings,
            redis=redis,
            store=store,
            queue=JobQueue(app),
            images=ImageStore(settings.images_url),
            pictures=PictureReader(settings.max_image_bytes, settings.max_image_pixels),
            readers=CapacityLimiter(MAX_READERS),
            catalog=catalog,
            styles=styles,
            followers=Followers(followed, settings.max_event_streams, metrics),
            metrics=metrics,
        )
    finally:
        metrics.registry.unregister(collector)
        app.close()
        await followed.aclose()
        redis.close()


async def get_gateway(request: Request) -> Gateway:
    """The parts of the gateway that serves this request."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def get_caller(gateway: Annotated[Gateway, Depends(get_gateway)]) -> Caller:
    """Who asks."""
    return ANYBODY


async def get_view(
    request: Request,
    gateway: Annotated[Gateway, Depends(get_gateway)],
    caller: Annotated[Caller, Depends(get_caller)],
) -> JobView:
    """How this caller sees jobs. Raises what `get_caller` does."""
    base_url = gateway.settings.public_url or str(request.base_url).rstrip("/")
    return JobView(gateway.store, caller, base_url)


TheGateway = Annotated[Gateway, Depends(get_gateway)]
TheCaller = Annotated[Caller, Depends(get_caller)]
TheView = Annotated[JobView, Depends(get_view)]
