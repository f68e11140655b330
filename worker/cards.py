"""What models offer and allow, as the catalog shows it."""

from typing import TYPE_CHECKING

from model.defaults import MAX_GUIDANCE, MAX_SIDE, STEPS, STRENGTH, StepRange, guidance, largest, step_range
from worker.jobs.catalog import ModelCard, SamplerCard
from worker.jobs.stages import Kind

if TYPE_CHECKING:
    # These bring torch, which a worker of mock models does without.
    from model.checkpoint import Checkpoint
    from model.language.network import LanguageModel
    from model.upscaler import Upscaler

MAX_IMAGES = 8
#: How much longer than a picture of its usual size what is continued window by window may be.
MAX_GROWTH = 8


def drawing_card(checkpoint: "Checkpoint", encoder: str | None = None) -> ModelCard:
    """The card of a model that draws; `encoder` is the one that reads its prompts in another worker."""
    side, inpaints = checkpoint.default_side, checkpoint.inpaints
    max_side, max_pixels = largest(side)
    return ModelCard(
        id=checkpoint.name,
        kinds=_kinds(checkpoint),
        size_multiple=checkpoint.size_multiple,
        min_side=checkpoint.size_multiple,
        max_side=max_side,
        max_pixels=max_pixels,
        default_width=side,
        default_height=side,
        samplers=tuple(
            sampler_card(name, step_range(name, inpaints=inpaints)) for name in checkpoint.samplers
        ),
        default_sampler=checkpoint.samplers[0],
        default_guidance_scale=guidance(checkpoint.samplers[0], inpaints=inpaints),
        max_guidance_scale=MAX_GUIDANCE,
        max_num_images=MAX_IMAGES,
        default_strength=None if inpaints else STRENGTH,
        max_outpainted_side=min(MAX_SIDE, MAX_GROWTH * side) if inpaints else 0,
        encoder=encoder,
    )


def upscaling_card(upscaler: "Upscaler") -> ModelCard:
    """The card of a model that makes pictures larger."""
    return ModelCard(
        id=upscaler.name,
        kinds=(Kind.SUPER_RESOLUTION,),
        size_multiple=1,
        min_side=upscaler.scale,
        max_side=MAX_SIDE,
        max_pixels=MAX_SIDE * MAX_SIDE,
        samplers=(sampler_card(upscaler.sampler, STEPS[upscaler.sampler], takes_guidance=False),),
        default_sampler=upscaler.sampler,
        scales=(upscaler.scale,),
    )


def language_card(model: "LanguageModel") -> ModelCard:
    """The card of a language model that makes prompts richer."""
    return ModelCard(id=model.name, kinds=(Kind.BEAUTIFICATION,))


def encoding_card(name: str) -> ModelCard:
    """The card of a text encoder that works for the networks of other workers."""
    return ModelCard(id=name, kinds=(Kind.ENCODING,))


def _kinds(checkpoint: "Checkpoint") -> tuple[Kind, ...]:
    if checkpoint.inpaints:
        return Kind.INPAINTING, Kind.OUTPAINTING
    refines = (Kind.REFINEMENT,) if "flash" in checkpoint.samplers else ()
    return Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE, *refines


def sampler_card(name: str, steps: StepRange, *, takes_guidance: bool = True) -> SamplerCard:
    """How a sampler of a model may be used."""
    return SamplerCard(
        name=name,
        default_steps=steps.default,
        min_steps=steps.least,
        max_steps=steps.most,
        guidance=takes_guidance and name != "flash",
    )
