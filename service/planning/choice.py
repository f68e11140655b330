"""Choice: the models that work on a request, of those that workers have announced."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from service.errors import InvalidRequest, ModelUnavailable
from service.requests import DrawingRequest, JobRequest, RenderingRequest, SuperResolutionRequest
from worker.jobs.catalog import Catalog, ModelCard, WorkerCard
from worker.jobs.stages import Kind


@dataclass(frozen=True)
class Offer:
    """All models that were ever announced, and the workers that are alive."""

    cards: Mapping[str, ModelCard]
    workers: Sequence[WorkerCard]

    @classmethod
    def read(cls, catalog: Catalog) -> "Offer":
        """What the catalog says now."""
        return cls(workers=catalog.workers(), cards=catalog.models())

    @cached_property
    def served(self) -> Collection[str]:
        """The models that living workers serve."""
        return {model for worker in self.workers for model in worker.models}

    def of(self, kind: Kind, need: str = "") -> dict[str, ModelCard]:
        """The models of a kind, by their ids. Raises ModelUnavailable; `need` tells what they are for."""
        cards = {name: card for name, card in self.cards.items() if kind in card.kinds}
        if not cards:
            raise ModelUnavailable(f"no worker has announced a model for {kind} yet{need}")
        return cards

    def best(self, cards: Collection[ModelCard], what: str) -> ModelCard:
        """Of the models that living workers serve, the one that takes most steps by default.

        So it is never a distilled one if there is another. Among equals it is the one that enlarges most,
        then the first by id. While no worker is alive it is the best of all models, to be waited for. Raises
        ModelUnavailable if workers are alive and serve none of them; `what` tells what they are.
        """
        served = [card for card in cards if card.id in self.served] if self.served else cards
        if not served:
            raise ModelUnavailable(f"no worker that is alive serves {what}")
        return min(served, key=_rank)


def choose_models(request: JobRequest, offer: Offer) -> dict[Kind, ModelCard]:
    """The models of all stages that a request goes through, by kind, in the order of the stages.

    Raises InvalidRequest for a name that is not one of a model of this kind, and for a scale that no model
    has; ModelUnavailable when no model for a stage is known at all, or none that a living worker serves.
    """
    asked = _choose_asked(request, offer)
    drawing = request if isinstance(request, DrawingRequest) else None
    models = {request.kind: asked}
    if isinstance(request, RenderingRequest) and request.refine:
        models[Kind.REFINEMENT] = _choose_refiner(asked, offer)
    if drawing and drawing.upscale:
        models[Kind.SUPER_RESOLUTION] = _choose_upscaler(drawing.upscale, offer)
    before: dict[Kind, ModelCard] = {}
    if drawing and drawing.beautify:
        languages = offer.of(Kind.BEAUTIFICATION, ", which beautify needs")
        what = "a model for beautification, which beautify needs"
        before[Kind.BEAUTIFICATION] = offer.best(languages.values(), what)
    if encoder := _find_encoder(models, offer):
        before[Kind.ENCODING] = encoder
    return before | models


def _choose_asked(request: JobRequest, offer: Offer) -> ModelCard:
    """The model that a caller names, else the best one for the request."""
    cards = offer.of(request.kind)
    if request.model is None:
        scale = request.scale if isinstance(request, SuperResolutionRequest) else None
        if able := [card for card in cards.values() if scale in card.scales]:
            return offer.best(able, f"a model for {request.kind} by {scale}")
        return offer.best(cards.values(), f"a model for {request.kind}")
    if request.model not in cards:
        known = ", ".join(cards)
        message = f"model should be one of {known} for {request.kind}, got {request.model!r}"
        raise InvalidRequest(message, param="model")
    return offer.best([cards[request.model]], f"model {request.model}")


def _choose_refiner(asked: ModelCard, offer: Offer) -> ModelCard:
    """The best of those that have their prompts read as the drawing has; of all for an enlargement."""
    cards = offer.of(Kind.REFINEMENT, ", which refine needs").values()
    alike = [card for card in cards if asked.scales or card.encoder == asked.encoder]
    chosen = offer.best(alike or cards, "a model for refinement, which refine needs")
    if not alike:
        said = f"refine should be left out with model {asked.id}, as {chosen.id} has another text encoder"
        raise InvalidRequest(said, param="refine")
    return chosen


def _choose_upscaler(scale: int, offer: Offer) -> ModelCard:
    cards = offer.of(Kind.SUPER_RESOLUTION, ", which upscale needs").values()
    able = [card for card in cards if scale in card.scales]
    if not able:
        known = ", ".join(map(str, sorted({scale for card in cards for scale in card.scales})))
        message = f"upscale should be one of {known} of the models for super-resolution, got {scale}"
        raise InvalidRequest(message, param="upscale")
    return offer.best(able, f"a model for super-resolution by {scale}, which upscale needs")


def _find_encoder(models: Mapping[Kind, ModelCard], offer: Offer) -> ModelCard | None:
    """Who reads the prompts for these models, if somebody has to do it for them."""
    for card in models.values():
        if card.encoder:
            readers = offer.of(Kind.ENCODING, f", which {card.id} needs")
            if card.encoder not in readers:
                raise ModelUnavailable(f"no worker has announced {card.encoder} yet, which {card.id} needs")
            return offer.best([readers[card.encoder]], f"model {card.encoder}, which {card.id} needs")
    return None


def _rank(card: ModelCard) -> tuple[int, int, str]:
    """The lower the better."""
    return -_steps(card), -max(card.scales, default=1), card.id


def _steps(card: ModelCard) -> int:
    """How many it takes by default; none of a model that makes no pictures."""
    return next((s.default_steps for s in card.samplers if s.name == card.default_sampler), 0)
