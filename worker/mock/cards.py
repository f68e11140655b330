"""The mock models as the catalog shows them: the limits and defaults of the full-size Kandinsky 3."""

from model.defaults import MAX_GUIDANCE, MAX_SIDE, STEPS, STRENGTH, guidance, largest, step_range
from worker.cards import MAX_GROWTH, MAX_IMAGES, encoding_card, sampler_card
from worker.jobs.catalog import ModelCard
from worker.jobs.stages import Kind
from worker.settings import NothingToServe, WorkerSettings

#: Width and height of a picture for which no size is given, and what sides must be a multiple of.
SIDE, MULTIPLE = 1024, 64
ENCODER = "mock-encoder"
SCALES = (2, 4)


def choose_cards(settings: WorkerSettings) -> tuple[ModelCard, ...]:
    """The cards of the mock models that are wanted. Raises NothingToServe."""
    cards = {card.id: card for card in all_cards(ENCODER if settings.has_remote_encoder else None)}
    if missing := [name for name in settings.model_names if name not in cards]:
        raise NothingToServe(f"no mock model is called {missing[0]!r}; there is {', '.join(cards)}")
    wanted = [cards[name] for name in settings.model_names or cards]
    served = tuple(card for card in wanted if any(settings.serves(kind.family) for kind in card.kinds))
    if not served:
        raise NothingToServe(f"there is nothing that works for queue {settings.queues}")
    return served


def all_cards(encoder: str | None = None) -> tuple[ModelCard, ...]:
    """The cards of all mock models; `encoder` is the one that reads the prompts of those that draw."""
    return (
        _drawing_card("mock", (Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE), ("ddpm", "kandinsky"), encoder),
        _drawing_card(
            "mock-flash", (Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE, Kind.REFINEMENT), ("flash",), encoder
        ),
        _drawing_card("mock-inpainting", (Kind.INPAINTING, Kind.OUTPAINTING), ("kandinsky",), encoder),
        *map(_upscaling_card, SCALES),
        ModelCard(id="mock-language", kinds=(Kind.BEAUTIFICATION,)),
        encoding_card(ENCODER),
    )


def _drawing_card(
    name: str, kinds: tuple[Kind, ...], samplers: tuple[str, ...], encoder: str | None
) -> ModelCard:
    inpaints = Kind.INPAINTING in kinds
    max_side, max_pixels = largest(SIDE)
    return ModelCard(
        id=name,
        kinds=kinds,
        size_multiple=MULTIPLE,
        min_side=MULTIPLE,
        max_side=max_side,
        max_pixels=max_pixels,
        default_width=SIDE,
        default_height=SIDE,
        samplers=tuple(sampler_card(each, step_range(each, inpaints=inpaints)) for each in samplers),
        default_sampler=samplers[0],
        default_guidance_scale=guidance(samplers[0], inpaints=inpaints),
        max_guidance_scale=MAX_GUIDANCE,
        max_num_images=MAX_IMAGES,
        default_strength=None if inpaints else STRENGTH,
        max_outpainted_side=min(MAX_SIDE, MAX_GROWTH * SIDE) if inpaints else 0,
        encoder=encoder,
    )


def _upscaling_card(scale: int) -> ModelCard:
    sampler = "dpmsolver++"
    return ModelCard(
        id=f"mock-x{scale}",
        kinds=(Kind.SUPER_RESOLUTION,),
        min_side=scale,
        max_side=MAX_SIDE,
        max_pixels=MAX_SIDE * MAX_SIDE,
        samplers=(sampler_card(sampler, STEPS[sampler], takes_guidance=False),),
        default_sampler=sampler,
        scales=(scale,),
    )
