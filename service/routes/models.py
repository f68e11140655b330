"""Models: what there is to make pictures with."""

from fastapi import APIRouter

from service.answers.schemas import ModelList, ModelResponse, model_response
from service.dependencies import TheGateway
from service.error_answers import error_responses
from service.errors import NotFound

router = APIRouter(prefix="/v1/models", tags=["models"], responses=error_responses(503))


@router.get("")
def list_models(gateway: TheGateway) -> ModelList:
    """List the models that workers have announced, with their limits, their defaults and who serves them now.

    `kinds` says which requests a model takes. Its limits are those of the pictures that it makes: one that
    enlarges by 4 and has a `max_side` of 2048 takes pictures of up to 512.

    A model with an `encoder` has that one read its prompts, in a stage before it.

    A request that names no model gets, of those that are served, the one with most default steps, and so
    never a distilled one if there is another; among equals the one that enlarges most.

    While no worker is alive, jobs for a model that was announced before are queued. While some are, jobs
    for one that none of them serves are refused as `model_unavailable`.
    """
    workers = gateway.catalog.workers()
    return ModelList(data=[model_response(card, workers) for card in gateway.catalog.models().values()])


@router.get("/{model_id}", responses=error_responses(404, 422))
def get_model(model_id: str, gateway: TheGateway) -> ModelResponse:
    """Show one of the models that workers have announced."""
    card = gateway.catalog.models().get(model_id)
    if card is None:
        raise NotFound(f"no model {model_id[:80]!r}", param="model_id")
    return model_response(card, gateway.catalog.workers())
