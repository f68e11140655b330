"""Whether the gateway works, for those who start, stop and watch it."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from service.choice import Offer
from service.dependencies import Gateway, TheGateway
from service.errors import Unavailable, error_responses
from service.schemas import Health
from worker.jobs.errors import StoreUnavailable

OK = "ok"

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> Health:
    """Say that the process answers, whatever the state of the parts behind it."""
    return Health()


@router.get("/readyz", responses=error_responses(503))
def ready(gateway: TheGateway) -> Health:
    """Say whether requests can be served: Redis answers, the image store takes pictures, workers are alive.

    There has to be one for every kind that any worker has served in the last day.

    Otherwise the answer is 503, and its `details` name the parts that fail and why.
    """
    parts = {name: check(gateway) for name, check in CHECKS.items()}
    failing = [f"{name}: {state}" for name, state in parts.items() if state != OK]
    if failing:
        raise Unavailable(f"not ready: {'; '.join(failing)}", details=dict(parts))
    return Health(parts=parts)


@router.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}})
def metrics(gateway: TheGateway) -> Response:
    """Show counters and gauges in the text format of Prometheus."""
    return Response(gateway.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _check_redis(gateway: Gateway) -> str:
    try:
        gateway.redis.ping()
    except RedisError as error:
        return f"does not answer: {error}"
    return OK


def _check_images(gateway: Gateway) -> str:
    try:
        gateway.images.check()
    except StoreUnavailable as error:
        return str(error)
    return OK


def _check_workers(gateway: Gateway) -> str:
    try:
        offer = Offer.read(gateway.catalog)
    except RedisError:
        return "not known without Redis"
    if not offer.workers:
        return "none is alive"
    served = {kind for name in offer.served if name in offer.cards for kind in offer.cards[name].kinds}
    known = {kind for card in offer.cards.values() for kind in card.kinds}
    return f"none is alive for {', '.join(sorted(known - served))}" if known - served else OK


CHECKS: dict[str, Callable[[Gateway], str]] = {
    "redis": _check_redis,
    "images": _check_images,
    "workers": _check_workers,
}
