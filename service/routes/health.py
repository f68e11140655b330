"""Whether the gateway works, for those who start, stop and watch it."""

from collections.abc import Callable, Collection

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from service.answers.schemas import Health
from service.dependencies import Gateway, TheGateway
from service.error_answers import error_responses
from service.errors import Unavailable
from service.planning.choice import Offer
from worker.jobs.errors import StoreUnavailable
from worker.jobs.stages import Kind

OK = "ok"

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> Health:
    """Say that the process answers, whatever the state of the parts behind it."""
    return Health()


@router.get("/readyz", responses=error_responses(503))
def ready(gateway: TheGateway) -> Health:
    """Say whether requests can be served: Redis answers, the image store takes pictures, workers are alive.

    There has to be one for every kind that was served in the last day, unless all who served it have stopped
    in order.

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
        offer, expected = Offer.read(gateway.catalog), gateway.catalog.expected()
    except RedisError:
        return "not known without Redis"
    if not offer.workers:
        return "none is alive"
    missing = _kinds(expected, offer) - _kinds(offer.served, offer)
    return f"none is alive for {', '.join(sorted(missing))}" if missing else OK


def _kinds(models: Collection[str], offer: Offer) -> set[Kind]:
    return {kind for name, card in offer.cards.items() if name in models for kind in card.kinds}


CHECKS: dict[str, Callable[[Gateway], str]] = {
    "redis": _check_redis,
    "images": _check_images,
    "workers": _check_workers,
}
