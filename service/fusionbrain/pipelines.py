"""Pipelines: the models that draw pictures of prompts, and whether they take requests now."""

from collections.abc import Collection

from service.dependencies import Gateway
from service.errors import NotFound
from service.fusionbrain.identity import pipeline_uuid
from service.fusionbrain.schemas import Availability, Pipeline
from service.intake.estimates import Outlook
from service.intake.room import Room
from service.planning.choice import Offer
from service.settings import GatewaySettings
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Priority
from worker.jobs.stages import Kind, queue_name

KIND = Kind.TEXT_TO_IMAGE
#: What its requests ask for, as they cannot say another.
PRIORITY = Priority.INTERACTIVE


def list_pipelines(gateway: Gateway) -> list[Pipeline]:
    """All pipelines, that of the best model first. Raises ModelUnavailable when there is none."""
    outlook = gateway.lookout.look()
    cards = outlook.offer.of(KIND).values()
    best = outlook.offer.best(cards, f"a model for {KIND}") if _is_served(cards, outlook.offer) else None
    # Of all its clients the simplest take the first.
    ordered = sorted(cards, key=lambda card: card is not best)
    return [_pipeline(card, _availability(card, outlook, gateway.settings)) for card in ordered]


def find_model(pipeline_id: str, gateway: Gateway) -> ModelCard:
    """The model of a pipeline. Raises NotFound."""
    for card in gateway.lookout.look().offer.cards.values():
        if KIND in card.kinds and str(pipeline_uuid(card.id)) == pipeline_id.lower():
            return card
    raise NotFound(f"no pipeline {pipeline_id[:80]!r}", param="pipeline_id")


def availability(card: ModelCard, gateway: Gateway) -> Availability:
    """Whether a request for a model would be taken now."""
    return _availability(card, gateway.lookout.look(), gateway.settings)


def _availability(card: ModelCard, outlook: Outlook, settings: GatewaySettings) -> Availability:
    queue = queue_name(KIND, card.id)
    num_before = outlook.queues[queue].num_before(PRIORITY)
    most = Room(outlook, settings, PRIORITY).most_before(queue)
    has_room = num_before < settings.max_queue_length and (most is None or num_before <= most)
    return "ACTIVE" if has_room and _is_served([card], outlook.offer) else "DISABLED_BY_QUEUE"


def _is_served(cards: Collection[ModelCard], offer: Offer) -> bool:
    """Whether a worker serves one of them, or may come to, as while no worker is alive."""
    return not offer.served or any(card.id in offer.served for card in cards)


def _pipeline(card: ModelCard, status: Availability) -> Pipeline:
    uuid = str(pipeline_uuid(card.id))
    return Pipeline(id=uuid, uuid=uuid, name=card.id, name_en=card.id, status=status)
