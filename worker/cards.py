"""What models offer and allow, as the catalog shows it."""

from model.checkpoint import Checkpoint
from model.language.network import LanguageModel
from model.upscaler import Upscaler
from worker.jobs.catalog import ModelCard, SamplerCard
from worker.jobs.stages import Kind

#: Steps by default and at most, of each sampler.
STEPS = {"ddpm": (25, 200), "kandinsky": (50, 200), "flash": (4, 4), "dpmsolver++": (5, 50)}
INPAINTING_STEPS = (25, 200)
DEFAULT_GUIDANCE, INPAINTING_GUIDANCE, MAX_GUIDANCE = 3.0, 4.0, 20.0
MAX_IMAGES = 8
#: As published.
DEFAULT_STRENGTH = 0.3
#: Sides of the largest picture that is made of a smaller one, by super-resolution or window by window.
MAX_SIDE = 4096
#: How much longer than a picture of its usual size what is continued window by window may be.
MAX_GROWTH = 8


def drawing_card(checkpoint: Checkpoint, encoder: str | None = None) -> ModelCard:
    """The card of a model that draws; `encoder` is the one that reads its prompts in another worker."""
    side, inpaints = checkpoint.default_side, checkpoint.inpaints
    guidance = INPAINTING_GUIDANCE if inpaints else DEFAULT_GUIDANCE
    return ModelCard(
        id=checkpoint.name,
        kinds=_kinds(checkpoint),
        size_multiple=checkpoint.size_multiple,
        min_side=checkpoint.size_multiple,
        max_side=2 * side,
        max_pixels=2 * side * side,
        default_width=side,
        default_height=side,
        samplers=tuple(
            _sampler_card(name, INPAINTING_STEPS if inpaints else STEPS[name]) for name in checkpoint.samplers
        ),
        default_sampler=checkpoint.samplers[0],
        default_guidance_scale=1 if checkpoint.samplers == ("flash",) else guidance,
        max_guidance_scale=MAX_GUIDANCE,
        max_num_images=MAX_IMAGES,
        default_strength=None if inpaints else DEFAULT_STRENGTH,
        max_outpainted_side=min(MAX_SIDE, MAX_GROWTH * side) if inpaints else 0,
        encoder=encoder,
    )


def upscaling_card(upscaler: Upscaler) -> ModelCard:
    """The card of a model that makes pictures larger."""
    return ModelCard(
        id=upscaler.name,
        kinds=(Kind.SUPER_RESOLUTION,),
        size_multiple=1,
        min_side=upscaler.scale,
        max_side=MAX_SIDE,
        max_pixels=MAX_SIDE * MAX_SIDE,
        samplers=(_sampler_card(upscaler.sampler, STEPS[upscaler.sampler], guidance=False),),
        default_sampler=upscaler.sampler,
        scales=(upscaler.scale,),
    )


def language_card(model: LanguageModel) -> ModelCard:
    """The card of a language model that makes prompts richer."""
    return ModelCard(id=model.name, kinds=(Kind.BEAUTIFICATION,))


def encoding_card(name: str) -> ModelCard:
    """The card of a text encoder that works for the networks of other workers."""
    return ModelCard(id=name, kinds=(Kind.ENCODING,))


def _kinds(checkpoint: Checkpoint) -> tuple[Kind, ...]:
    if checkpoint.inpaints:
        return Kind.INPAINTING, Kind.OUTPAINTING
    refines = (Kind.REFINEMENT,) if "flash" in checkpoint.samplers else ()
    return Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE, *refines


def _sampler_card(name: str, steps: tuple[int, int], *, guidance: bool = True) -> SamplerCard:
    default, most = steps
    return SamplerCard(
        name=name, default_steps=default, max_steps=most, guidance=guidance and name != "flash"
    )
