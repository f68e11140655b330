"""The fields of a stage: what a request says, else what its model does by default, within its limits."""

from typing import Any

from service.errors import InvalidRequest
from service.planning.plan import Plan
from service.planning.sizes import Size
from service.requests import DrawingRequest, RenderingRequest, WordedRequest
from worker.jobs.catalog import ModelCard, SamplerCard

NO_GUIDANCE = 1.0


def wording(plan: Plan) -> dict[str, Any]:
    """The fields of a `Wording`; of a request without a prompt it is empty."""
    prompt = plan.request.prompt if isinstance(plan.request, WordedRequest) else ""
    style = None if plan.style is None else plan.style.name
    return {"prompt": prompt, "style": style, "template": plan.template}


def rendering(plan: Plan, card: ModelCard, size: Size) -> dict[str, Any]:
    """The fields of a `Rendering` by `card`, all but its steps; `size` is that of the pictures it makes."""
    assert isinstance(plan.request, RenderingRequest)
    return {
        "model": card.id,
        "seed": plan.seed,
        "output_format": plan.request.output_format,
        "output_quality": plan.request.output_quality,
        "width": size[0],
        "height": size[1],
    }


def drawing(plan: Plan, size: Size) -> dict[str, Any]:
    """The fields of the `Drawing` that is asked for. Raises InvalidRequest."""
    request, card = plan.request, plan.card
    assert isinstance(request, DrawingRequest)
    sampler = sampler_card(request.sampler, card)
    check_at_most("num_images", request.num_images, card.max_num_images, f"model {card.id}")
    return {
        **rendering(plan, card, size),
        **wording(plan),
        "steps": choose_steps(request, sampler),
        "negative_prompt": _negative_prompt(request.negative_prompt, sampler, plan),
        "num_images": request.num_images,
        "guidance_scale": _choose_guidance(request.guidance_scale, sampler, card),
        "sampler": sampler.name,
    }


def sampler_card(name: str | None, card: ModelCard) -> SamplerCard:
    """The sampler of that name, or the default one. Raises InvalidRequest."""
    samplers = {sampler.name: sampler for sampler in card.samplers}
    wanted = card.default_sampler if name is None else name
    if wanted not in samplers:
        known = ", ".join(samplers)
        message = f"sampler should be one of {known} for model {card.id}, got {name!r}"
        raise InvalidRequest(message, param="sampler")
    return samplers[wanted]


def choose_steps(request: RenderingRequest, sampler: SamplerCard) -> int:
    """The steps that are asked for, or the default. Raises InvalidRequest beyond the sampler's limits."""
    steps = sampler.default_steps if request.steps is None else request.steps
    if steps < sampler.min_steps:
        said = f"steps should be at least {sampler.min_steps} for sampler {sampler.name}, got {steps}"
        raise InvalidRequest(said, param="steps")
    check_at_most("steps", steps, sampler.max_steps, f"sampler {sampler.name}")
    return steps


def check_at_most(param: str, value: float, limit: float, owner: str) -> None:
    """Raise InvalidRequest for a value above the limit of `owner`."""
    if value > limit:
        raise InvalidRequest(f"{param} should be at most {limit:g} for {owner}, got {value:g}", param=param)


def _negative_prompt(given: str | None, sampler: SamplerCard, plan: Plan) -> str | None:
    """What is given, with what the style adds to it where it has an effect."""
    added = plan.style.negative_prompt if plan.style and sampler.guidance else None
    return ", ".join(text for text in (given, added) if text) or None


def _choose_guidance(scale: float | None, sampler: SamplerCard, card: ModelCard) -> float:
    if not sampler.guidance:
        wanted = NO_GUIDANCE if scale is None else scale
        check_at_most("guidance_scale", wanted, NO_GUIDANCE, f"sampler {sampler.name}")
        return NO_GUIDANCE
    default = NO_GUIDANCE if card.default_guidance_scale is None else card.default_guidance_scale
    chosen = default if scale is None else scale
    if card.max_guidance_scale is not None:
        check_at_most("guidance_scale", chosen, card.max_guidance_scale, f"model {card.id}")
    return chosen
