"""What models offer and allow, as the catalog shows it."""

from model.checkpoint import Checkpoint
from model.upscaler import Upscaler
from worker.jobs.catalog import ModelCard, SamplerCard
from worker.jobs.job import Kind

#: Steps by default and at most, of each sampler.
STEPS = {"ddpm": (25, 200), "kandinsky": (50, 200), "flash": (4, 4), "dpmsolver++": (5, 50)}
INPAINTING_STEPS = (25, 200)
DEFAULT_GUIDANCE, INPAINTING_GUIDANCE, MAX_GUIDANCE = 3.0, 4.0, 20.0
MAX_IMAGES = 8
#: Sides of the largest picture that is made of a smaller one; a CPU would need minutes for more.
MAX_ENLARGED_SIDE = {"cpu": 2048, "cuda": 4096}
#: The same for Flash, which does it in one piece.
MAX_FLASH_SIDE = 2048


def drawing_card(checkpoint: Checkpoint) -> ModelCard:
    """The card of a model that draws, or draws a part of a picture anew."""
    side, inpaints = checkpoint.default_side, checkpoint.inpaints
    guidance = INPAINTING_GUIDANCE if inpaints else DEFAULT_GUIDANCE
    return ModelCard(
        id=checkpoint.name,
        kinds=(Kind.INPAINTING if inpaints else Kind.TEXT_TO_IMAGE,),
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
    )


def upscaling_card(upscaler: Upscaler) -> ModelCard:
    """The card of a model that makes pictures larger."""
    side = MAX_FLASH_SIDE if upscaler.sampler == "flash" else MAX_ENLARGED_SIDE[upscaler.device.type]
    return ModelCard(
        id=upscaler.name,
        kinds=(Kind.SUPER_RESOLUTION,),
        size_multiple=1,
        min_side=upscaler.scale,
        max_side=side,
        max_pixels=side * side,
        samplers=(_sampler_card(upscaler.sampler, STEPS[upscaler.sampler], guidance=False),),
        default_sampler=upscaler.sampler,
        scales=(upscaler.scale,),
    )


def _sampler_card(name: str, steps: tuple[int, int], *, guidance: bool = True) -> SamplerCard:
    default, most = steps
    return SamplerCard(
        name=name, default_steps=default, max_steps=most, guidance=guidance and name != "flash"
    )
