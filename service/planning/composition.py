"""Composition: the stages that a request goes through, each with every default filled in."""

from service.planning.asked import fill_in
from service.planning.defaults import rendering, sampler_card, wording
from service.planning.plan import Plan
from service.planning.sizes import check_enlarged
from service.requests import DrawingRequest, RenderingRequest
from worker.jobs.stages import (
    Beautification,
    Drawing,
    Encoding,
    Kind,
    Refinement,
    Rendering,
    Stage,
    SuperResolution,
)


def compose(plan: Plan) -> tuple[Stage, ...]:
    """The stages of a job: what is asked for, and what the models of the plan do before and after it.

    Pictures go from each stage to the next. Raises InvalidRequest for what is beyond the limits of a model.
    """
    asked = fill_in(plan)
    return tuple(asked if kind is asked.kind else _around(asked, kind, plan) for kind in plan.models)


def _around(asked: Stage, kind: Kind, plan: Plan) -> Stage:
    """What is done before or after the stage that was asked for."""
    request, model = plan.request, plan.models[kind].id
    match kind:
        case Kind.BEAUTIFICATION:
            return Beautification(**wording(plan), model=model, seed=plan.seed)
        case Kind.ENCODING:
            negative_prompt = asked.negative_prompt if isinstance(asked, Drawing) else None
            return Encoding(**wording(plan), model=model, negative_prompt=negative_prompt)
    assert isinstance(asked, Rendering)
    if isinstance(request, DrawingRequest) and kind is Kind.SUPER_RESOLUTION:
        return _enlarge(asked, plan, request.upscale)
    assert isinstance(request, RenderingRequest)
    return _refine(asked, plan, request.refine)


def _refine(asked: Rendering, plan: Plan, steps: int | None) -> Refinement:
    """The pictures gone over; their size stays, whatever it is."""
    card, size = plan.models[Kind.REFINEMENT], (asked.width, asked.height)
    return Refinement.model_validate({**rendering(plan, card, size), **wording(plan), "steps": steps})


def _enlarge(asked: Rendering, plan: Plan, scale: int | None) -> SuperResolution:
    """The pictures made larger."""
    card = plan.models[Kind.SUPER_RESOLUTION]
    size = check_enlarged((asked.width, asked.height), card, scale or 1)
    steps = sampler_card(None, card).default_steps
    return SuperResolution.model_validate({**rendering(plan, card, size), "steps": steps, "scale": scale})
