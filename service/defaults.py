"""What a job is asked for: a request, with every default of its model filled in and every limit kept."""

import secrets
from typing import Any

from service.errors import InvalidRequest
from service.requests import (
    DrawingRequest,
    InpaintingRequest,
    RenderingRequest,
    SuperResolutionRequest,
    TextToImageRequest,
)
from service.sizes import Size, check_picture, check_size, default_size, fit_aspect_ratio
from worker.jobs.catalog import ModelCard, SamplerCard
from worker.jobs.images import input_key
from worker.jobs.job import MAX_SEED, Inpainting, SuperResolution, TextToImage

NO_GUIDANCE = 1.0


def fill_in(
    request: RenderingRequest, card: ModelCard, size: Size, job_id: str
) -> TextToImage | Inpainting | SuperResolution:
    """The request with every default of `card`; `size` is that of the picture that it comes with, if any.

    Raises InvalidRequest for what is beyond the limits of the card.
    """
    match request:
        case TextToImageRequest():
            return TextToImage(**_drawing(request, card, _choose_size(request, card)))
        case InpaintingRequest():
            _check_same_size(request, size)
            return Inpainting(
                **_drawing(request, card, check_picture(size, card)),
                image=input_key(job_id, "image"),
                mask=input_key(job_id, "mask"),
                feather=request.feather,
                paste_back=request.paste_back,
            )
        case SuperResolutionRequest():
            scale = _choose_scale(request, card)
            made = check_picture(size, card, scale)
            fields = _rendering(request, card, made, sampler_card(None, card))
            key = input_key(job_id, "image")
            return SuperResolution.model_validate({**fields, "image": key, "scale": scale})
    raise TypeError(f"no kind of job is asked for by a {type(request).__name__}")


def sampler_card(name: str | None, card: ModelCard) -> SamplerCard:
    """The sampler of that name, or the default one. Raises InvalidRequest."""
    samplers = {sampler.name: sampler for sampler in card.samplers}
    wanted = card.default_sampler if name is None else name
    if wanted not in samplers:
        known = ", ".join(samplers)
        message = f"sampler should be one of {known} for model {card.id}, got {name!r}"
        raise InvalidRequest(message, param="sampler")
    return samplers[wanted]


def _drawing(request: DrawingRequest, card: ModelCard, size: Size) -> dict[str, Any]:
    sampler = sampler_card(request.sampler, card)
    _check_at_most("num_images", request.num_images, card.max_num_images, f"model {card.id}")
    return {
        **_rendering(request, card, size, sampler),
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt or None,
        "num_images": request.num_images,
        "guidance_scale": _choose_guidance(request.guidance_scale, sampler, card),
        "sampler": sampler.name,
    }


def _rendering(
    request: RenderingRequest, card: ModelCard, size: Size, sampler: SamplerCard
) -> dict[str, Any]:
    steps = sampler.default_steps if request.steps is None else request.steps
    _check_at_most("steps", steps, sampler.max_steps, f"sampler {sampler.name}")
    return {
        "model": card.id,
        "seed": secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed,
        "output_format": request.output_format,
        "output_quality": request.output_quality,
        "width": size[0],
        "height": size[1],
        "steps": steps,
    }


def _choose_size(request: TextToImageRequest, card: ModelCard) -> Size:
    if request.aspect_ratio:
        return fit_aspect_ratio(request.aspect_ratio, card)
    width, height = default_size(card)
    size = request.width or width, request.height or height
    check_size(size, card)
    return size


def _check_same_size(request: InpaintingRequest, size: Size) -> None:
    for param, given, side in zip(("width", "height"), (request.width, request.height), size, strict=True):
        if given not in (None, side):
            message = f"{param} should be that of image, {side}, or be left out, got {given}"
            raise InvalidRequest(message, param=param)


def _choose_scale(request: SuperResolutionRequest, card: ModelCard) -> int:
    scale = max(card.scales) if request.scale is None else request.scale
    if scale not in card.scales:
        known = ", ".join(map(str, card.scales))
        message = f"scale should be one of {known} for model {card.id}, got {scale}"
        raise InvalidRequest(message, param="scale")
    return scale


def _choose_guidance(scale: float | None, sampler: SamplerCard, card: ModelCard) -> float:
    if not sampler.guidance:
        wanted = NO_GUIDANCE if scale is None else scale
        _check_at_most("guidance_scale", wanted, NO_GUIDANCE, f"sampler {sampler.name}")
        return NO_GUIDANCE
    default = NO_GUIDANCE if card.default_guidance_scale is None else card.default_guidance_scale
    chosen = default if scale is None else scale
    if card.max_guidance_scale is not None:
        _check_at_most("guidance_scale", chosen, card.max_guidance_scale, f"model {card.id}")
    return chosen


def _check_at_most(param: str, value: float, limit: float, owner: str) -> None:
    if value > limit:
        raise InvalidRequest(f"{param} should be at most {limit:g} for {owner}, got {value:g}", param=param)
