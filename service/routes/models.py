"""Models: what there is to draw with."""

from fastapi import APIRouter

from service.dependencies import TheGateway
from service.errors import error_responses
from service.schemas import ModelList, model_response

router = APIRouter(prefix="/v1/models", tags=["models"], responses=error_responses(503))


@router.get("")
def list_models(gateway: TheGateway) -> ModelList:
    """List the models that workers have announced, with their limits, their defaults and who serves them now.

    While no worker is alive, jobs for a model that was announced before are queued.
    """
    workers = gateway.catalog.workers()
    return ModelList(data=[model_response(card, workers) for card in gateway.catalog.models().values()])
