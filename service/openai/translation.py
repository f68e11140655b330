"""Translation: what was asked for in OpenAI's words, as a request of ours."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from service.dialect import build
from service.openai.requests import OPENAI_MODELS, EditRequest, GenerationRequest, ImageRequest
from service.planning.choice import Offer, choose_models
from service.requests import DrawingRequest, ImageToImageRequest, InpaintingRequest, TextToImageRequest
from worker.jobs.catalog import SamplerCard

Drawn = TypeVar("Drawn", bound=DrawingRequest)

#: The steps of a quality, in those of the model's default.
QUALITIES = {"low": 0.5, "high": 1.5, "hd": 1.5, "xhigh": 2.0, "max": 2.0}
#: How much of a picture is drawn anew by how true to it the result should be.
STRENGTHS = {"low": 0.7, "high": 0.4}
#: Styles of OpenAI's that change nothing here.
NO_STYLES = frozenset({"vivid", "natural"})


def translate_generation(asked: GenerationRequest, styles: Collection[str]) -> TextToImageRequest:
    """The request for pictures of a prompt. Raises RequestValidationError."""
    no_style = asked.style in NO_STYLES and asked.style not in styles
    return build(TextToImageRequest, {**_drawing(asked), "style": None if no_style else asked.style})


def translate_edit(asked: EditRequest) -> DrawingRequest:
    """The request for an edited picture. Raises RequestValidationError."""
    fields = {**_drawing(asked), "image": asked.image}
    if asked.mask is not None:
        return build(InpaintingRequest, {**fields, "mask": asked.mask})
    strength = STRENGTHS[asked.input_fidelity or "low"] if asked.strength is None else asked.strength
    return build(ImageToImageRequest, {**fields, "strength": strength})


def with_quality(asked: ImageRequest, request: Drawn, offer: Offer) -> Drawn:
    """The request with the steps that a quality stands for with its model. Raises what the choice does."""
    factor = QUALITIES.get(asked.quality or "")
    if factor is None or asked.steps is not None:
        return request
    card = choose_models(request, offer)[request.kind]
    sampler = next(sampler for sampler in card.samplers if sampler.name == card.default_sampler)
    # The model is named, so that no other one can be chosen when the job is made.
    return request.model_copy(update={"model": card.id, "steps": _steps(factor, sampler)})


def _steps(factor: float, sampler: SamplerCard) -> int:
    return min(max(round(factor * sampler.default_steps), sampler.min_steps), sampler.max_steps)


def _drawing(asked: ImageRequest) -> Mapping[str, object]:
    """The fields that all requests for drawings have."""
    width, height = _sides(asked.size)
    about = {"user": asked.user, "safety_identifier": asked.safety_identifier}
    return {
        "prompt": asked.prompt,
        "model": None if asked.model and asked.model.startswith(OPENAI_MODELS) else asked.model,
        "num_images": asked.n,
        "width": width,
        "height": height,
        "output_format": asked.output_format,
        "output_quality": None if asked.output_compression is None else max(1, asked.output_compression),
        "negative_prompt": asked.negative_prompt,
        "seed": asked.seed,
        "steps": asked.steps,
        "guidance_scale": asked.guidance_scale,
        "metadata": {name: text for name, text in about.items() if text is not None},
    }


def _sides(size: str | None) -> tuple[int | None, int | None]:
    if size is None or size == "auto":
        return None, None
    width, height = size.split("x")
    return int(width), int(height)
