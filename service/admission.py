"""Admission: a request becomes a job when its model can do what it asks."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from service.defaults import fill_in, sampler_card
from service.errors import InvalidRequest, ModelUnavailable
from service.requests import DrawingRequest, RenderingRequest, SuperResolutionRequest
from service.sizes import Size
from worker.jobs.catalog import Catalog, ModelCard
from worker.jobs.job import Job, new_job_id


def choose_model(request: RenderingRequest, catalog: Catalog) -> ModelCard:
    """The model that a caller names, else the best one for the request.

    Raises InvalidRequest for a name that is not one of a model of this kind, and ModelUnavailable when no
    such model is known at all.
    """
    cards = {card.id: card for card in catalog.models().values() if request.kind in card.kinds}
    if not cards:
        raise ModelUnavailable(f"no worker has announced a model for {request.kind} yet")
    if request.model is None:
        return _choose_best(request, cards, catalog)
    if request.model not in cards:
        known = ", ".join(cards)
        message = f"model should be one of {known} for {request.kind}, got {request.model!r}"
        raise InvalidRequest(message, param="model")
    return cards[request.model]


def admit(request: RenderingRequest, card: ModelCard, size: Size, request_id: str) -> Job:
    """A new job for what a caller asks of a model; `size` is that of the picture that comes with it, if any.

    Raises InvalidRequest.
    """
    job_id = new_job_id()
    wait = request.deadline_seconds
    return Job(
        id=job_id,
        kind=request.kind,
        input=fill_in(request, card, size, job_id),
        priority=request.priority,
        deadline_at=None if wait is None else datetime.now(UTC) + timedelta(seconds=wait),
        metadata=request.metadata,
        request_id=request_id,
    )


def check_prompts(request: RenderingRequest, max_characters: int) -> None:
    """Raise InvalidRequest for a prompt that is too long."""
    if not isinstance(request, DrawingRequest):
        return
    for param in ("prompt", "negative_prompt"):
        length = len(getattr(request, param) or "")
        if length > max_characters:
            message = f"{param} should have at most {max_characters} characters, got {length}"
            raise InvalidRequest(message, param=param)


def _choose_best(request: RenderingRequest, cards: Mapping[str, ModelCard], catalog: Catalog) -> ModelCard:
    """Of the models that a living worker serves, else of all, the one that takes most steps by default.

    So it is never a distilled one if there is another. Among equals it is the one that enlarges most, then
    the first by id.
    """
    if len(cards) == 1:
        return next(iter(cards.values()))
    served = {model for worker in catalog.workers() for model in worker.models}
    scale = request.scale if isinstance(request, SuperResolutionRequest) else None
    return min(cards.values(), key=lambda card: _rank(card, scale, served))


def _rank(card: ModelCard, scale: int | None, served: Collection[str]) -> tuple[bool, bool, int, int, str]:
    suits = scale is None or scale in card.scales
    steps = sampler_card(None, card).default_steps
    return not suits, card.id not in served, -steps, -max(card.scales, default=1), card.id
