"""Which model serves a request that names none."""

import pytest

from service.admission import choose_model
from service.requests import RenderingRequest, SuperResolutionRequest, TextToImageRequest
from tests.service.conftest import CARD, FAMILY, FLASH, PAINTERS, X2, X4
from worker.jobs.catalog import Catalog, ModelCard

PROMPT = TextToImageRequest(prompt="a cat")


def announce(catalog: Catalog, *cards: ModelCard, worker: str = "worker-2") -> None:
    models = tuple(card.id for card in cards)
    catalog.publish(PAINTERS.model_copy(update={"id": worker, "models": models}), cards, ttl_seconds=60)


def test_it_is_not_the_distilled_one_though_its_name_comes_first(catalog: Catalog) -> None:
    announce(catalog, *FAMILY)
    assert FLASH.id < CARD.id
    assert choose_model(PROMPT, catalog) == CARD


def test_it_is_one_that_is_served(catalog: Catalog) -> None:
    announce(catalog, FLASH)
    catalog.withdraw("worker-1")
    assert choose_model(PROMPT, catalog) == FLASH


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [
        (SuperResolutionRequest(image="x"), X4),
        (SuperResolutionRequest(image="x", scale=4), X4),
        (SuperResolutionRequest(image="x", scale=2), X2),
    ],
)
def test_it_enlarges_as_much_as_is_wanted(
    catalog: Catalog, request_: RenderingRequest, chosen: ModelCard
) -> None:
    announce(catalog, X2, X4)
    assert choose_model(request_, catalog) == chosen


def test_a_scale_that_no_worker_serves_now_is_waited_for(catalog: Catalog) -> None:
    announce(catalog, X2)
    announce(catalog, X4, worker="worker-3")
    catalog.withdraw("worker-3")
    assert choose_model(SuperResolutionRequest(image="x", scale=4), catalog) == X4
    assert choose_model(SuperResolutionRequest(image="x"), catalog) == X2
