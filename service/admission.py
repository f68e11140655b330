"""Admission: a request becomes a job when its model can do what it asks."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from service.errors import InvalidRequest, ModelUnavailable
from service.schemas import TextToImageRequest
from service.sizes import check_size, fit_aspect_ratio
from worker.jobs.catalog import Catalog, ModelCard, SamplerCard
from worker.jobs.job import MAX_SEED, Job, Kind, TextToImage, new_job_id

NO_GUIDANCE = 1.0


def choose_model(name: str | None, kind: Kind, catalog: Catalog) -> ModelCard:
    """The model that a caller names, else the first that a living worker serves, else the first known.

    Raises InvalidRequest for an unknown name, and ModelUnavailable when no model is known at all.
    """
    cards = {card.id: card for card in catalog.models().values() if kind in card.kinds}
    if not cards:
        raise ModelUnavailable(f"no worker has announced a model for {kind} yet")
    if name is None:
        return cards[_first_served(cards, catalog)]
    if name not in cards:
        known = ", ".join(cards)
        raise InvalidRequest(f"model should be one of {known}, got {name!r}", param="model")
    return cards[name]


def admit(request: TextToImageRequest, card: ModelCard, request_id: str) -> Job:
    """A new job for what a caller asks of a model. Raises InvalidRequest."""
    wait = request.deadline_seconds
    return Job(
        id=new_job_id(),
        kind=Kind.TEXT_TO_IMAGE,
        input=resolve(request, card),
        priority=request.priority,
        deadline_at=None if wait is None else datetime.now(UTC) + timedelta(seconds=wait),
        metadata=request.metadata,
        request_id=request_id,
    )


def resolve(request: TextToImageRequest, card: ModelCard) -> TextToImage:
    """The request with every default of `card` filled in.

    Raises InvalidRequest for what is beyond the limits of the card.
    """
    sampler = _choose_sampler(request.sampler, card)
    width, height = _choose_size(request, card)
    steps = sampler.default_steps if request.steps is None else request.steps
    _check_at_most("steps", steps, sampler.max_steps, f"sampler {sampler.name}")
    _check_at_most("num_images", request.num_images, card.max_num_images, f"model {card.id}")
    return TextToImage(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt or None,
        model=card.id,
        width=width,
        height=height,
        num_images=request.num_images,
        steps=steps,
        guidance_scale=_choose_guidance(request.guidance_scale, sampler, card),
        sampler=sampler.name,
        seed=secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed,
        output_format=request.output_format,
        output_quality=request.output_quality,
    )


def check_prompts(request: TextToImageRequest, max_characters: int) -> None:
    """Raise InvalidRequest for a prompt that is too long."""
    for param in ("prompt", "negative_prompt"):
        length = len(getattr(request, param) or "")
        if length > max_characters:
            message = f"{param} should have at most {max_characters} characters, got {length}"
            raise InvalidRequest(message, param=param)


def _first_served(cards: Mapping[str, ModelCard], catalog: Catalog) -> str:
    if len(cards) == 1:
        return next(iter(cards))
    served = {model for worker in catalog.workers() for model in worker.models}
    return next((name for name in cards if name in served), next(iter(cards)))


def _choose_sampler(name: str | None, card: ModelCard) -> SamplerCard:
    samplers = {sampler.name: sampler for sampler in card.samplers}
    wanted = card.default_sampler if name is None else name
    if wanted not in samplers:
        known = ", ".join(samplers)
        message = f"sampler should be one of {known} for model {card.id}, got {name!r}"
        raise InvalidRequest(message, param="sampler")
    return samplers[wanted]


def _choose_size(request: TextToImageRequest, card: ModelCard) -> tuple[int, int]:
    if request.aspect_ratio:
        return fit_aspect_ratio(request.aspect_ratio, card)
    width = card.default_width if request.width is None else request.width
    height = card.default_height if request.height is None else request.height
    check_size(width, height, card)
    return width, height


def _choose_guidance(scale: float | None, sampler: SamplerCard, card: ModelCard) -> float:
    if not sampler.guidance:
        wanted = NO_GUIDANCE if scale is None else scale
        _check_at_most("guidance_scale", wanted, NO_GUIDANCE, f"sampler {sampler.name}")
        return NO_GUIDANCE
    chosen = card.default_guidance_scale if scale is None else scale
    _check_at_most("guidance_scale", chosen, card.max_guidance_scale, f"model {card.id}")
    return chosen


def _check_at_most(param: str, value: float, limit: float, owner: str) -> None:
    if value > limit:
        raise InvalidRequest(f"{param} should be at most {limit:g} for {owner}, got {value:g}", param=param)
