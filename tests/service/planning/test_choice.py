"""Which models work on a request."""

import pytest

from service.errors import InvalidRequest, ModelUnavailable
from service.planning.choice import Offer, choose_models
from service.requests import (
    BeautificationRequest,
    InpaintingRequest,
    JobRequest,
    SuperResolutionRequest,
    TextToImageRequest,
)
from tests.service.conftest import ARTIST, CARD, FAMILY, FLASH, PAINTER, PAINTERS, READER, WRITER, X2, X4
from worker.jobs.catalog import Catalog, ModelCard
from worker.jobs.stages import Kind

PROMPT = TextToImageRequest(prompt="a cat")


def announce(catalog: Catalog, *cards: ModelCard, worker: str = "worker-2") -> None:
    models = tuple(card.id for card in cards)
    catalog.publish(PAINTERS.model_copy(update={"id": worker, "models": models}), cards, ttl_seconds=60)


def chosen(request: JobRequest, catalog: Catalog) -> ModelCard:
    """The model that does what is asked for."""
    return choose_models(request, Offer.read(catalog))[request.kind]


def stages(request: JobRequest, catalog: Catalog) -> list[tuple[Kind, ModelCard]]:
    return list(choose_models(request, Offer.read(catalog)).items())


def remember(catalog: Catalog, *cards: ModelCard) -> None:
    """Announce models whose worker is gone again."""
    announce(catalog, *cards, worker="gone")
    catalog.withdraw("gone")


def read_elsewhere(card: ModelCard, encoder: str = READER.id) -> ModelCard:
    return card.model_copy(update={"encoder": encoder})


def test_it_is_not_the_distilled_one_though_its_name_comes_first(catalog: Catalog) -> None:
    announce(catalog, FLASH, CARD)
    assert FLASH.id < CARD.id
    assert chosen(PROMPT, catalog) == CARD


def test_it_is_one_that_is_served(catalog: Catalog) -> None:
    announce(catalog, FLASH)
    catalog.withdraw("worker-1")
    assert chosen(PROMPT, catalog) == FLASH


@pytest.mark.parametrize(
    ("request_", "model"),
    [
        (SuperResolutionRequest(image="x"), X4),
        (SuperResolutionRequest(image="x", scale=4), X4),
        (SuperResolutionRequest(image="x", scale=2), X2),
        (BeautificationRequest(prompt="x"), WRITER),
    ],
)
def test_it_does_what_is_wanted(catalog: Catalog, request_: JobRequest, model: ModelCard) -> None:
    announce(catalog, *FAMILY)
    assert stages(request_, catalog) == [(request_.kind, model)]


def test_one_that_is_gone_is_passed_over(catalog: Catalog) -> None:
    announce(catalog, X2)
    remember(catalog, X4)
    assert chosen(SuperResolutionRequest(image="x"), catalog) == X2


def test_all_that_is_asked_for_has_its_model_in_order(catalog: Catalog) -> None:
    announce(catalog, *FAMILY)
    request = TextToImageRequest(prompt="x", beautify=True, refine=1, upscale=2, model=CARD.id)
    assert stages(request, catalog) == [
        (Kind.BEAUTIFICATION, WRITER),
        (Kind.TEXT_TO_IMAGE, CARD),
        (Kind.REFINEMENT, FLASH),
        (Kind.SUPER_RESOLUTION, X2),
    ]


def test_an_enlarged_picture_is_refined_after_that(catalog: Catalog) -> None:
    announce(catalog, *FAMILY)
    request = SuperResolutionRequest(image="x", refine=2)
    assert stages(request, catalog) == [(Kind.SUPER_RESOLUTION, X4), (Kind.REFINEMENT, FLASH)]


def test_prompts_are_read_after_they_are_beautified(catalog: Catalog) -> None:
    painter = read_elsewhere(PAINTER)
    announce(catalog, painter, READER, WRITER)
    request = InpaintingRequest(prompt="x", image="x", mask="x", beautify=True)
    assert stages(request, catalog) == [
        (Kind.BEAUTIFICATION, WRITER),
        (Kind.ENCODING, READER),
        (Kind.INPAINTING, painter),
    ]


def test_a_refiner_may_be_all_that_has_its_prompt_read(catalog: Catalog) -> None:
    announce(catalog, READER, read_elsewhere(FLASH), X4)
    request = SuperResolutionRequest(image="x", refine=1)
    assert [kind for kind, _ in stages(request, catalog)] == [
        Kind.ENCODING,
        Kind.SUPER_RESOLUTION,
        Kind.REFINEMENT,
    ]


def test_a_refiner_has_the_text_encoder_of_the_model_before_it_if_one_does(catalog: Catalog) -> None:
    alike = read_elsewhere(FLASH).model_copy(update={"id": "z-alike"})
    announce(catalog, read_elsewhere(ARTIST), READER, FLASH, alike)
    request = TextToImageRequest(prompt="x", refine=1, model=ARTIST.id)
    assert choose_models(request, Offer.read(catalog))[Kind.REFINEMENT] == alike


def test_prompts_cannot_be_read_by_two_encoders(catalog: Catalog) -> None:
    announce(catalog, read_elsewhere(ARTIST), READER, read_elsewhere(FLASH, "other"))
    request = TextToImageRequest(prompt="x", refine=1, model=ARTIST.id)
    with pytest.raises(InvalidRequest, match="refine should be left out with model artist, as fast"):
        choose_models(request, Offer.read(catalog))


def test_a_refiner_is_not_given_prompts_that_nobody_reads_for_it(catalog: Catalog) -> None:
    announce(catalog, ARTIST, READER, read_elsewhere(FLASH))
    request = TextToImageRequest(prompt="x", refine=1, model=ARTIST.id)
    with pytest.raises(InvalidRequest, match="refine should be left out with model artist, as fast"):
        choose_models(request, Offer.read(catalog))


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (SuperResolutionRequest(image="x"), "a model for super-resolution yet"),
        (BeautificationRequest(prompt="x"), "a model for beautification yet"),
        (TextToImageRequest(prompt="x", beautify=True), "for beautification yet, which beautify needs"),
        (TextToImageRequest(prompt="x", refine=1), "for refinement yet, which refine needs"),
        (TextToImageRequest(prompt="x", upscale=2), "for super-resolution yet, which upscale needs"),
        (TextToImageRequest(prompt="x", model="artist"), "for encoding yet, which artist needs"),
    ],
)
def test_what_no_worker_was_ever_there_for_is_unavailable(
    catalog: Catalog, request_: JobRequest, said: str
) -> None:
    announce(catalog, read_elsewhere(ARTIST))
    with pytest.raises(ModelUnavailable, match=f"no worker has announced .*{said}"):
        choose_models(request_, Offer.read(catalog))


def test_an_encoder_that_never_was_there_is_named(catalog: Catalog) -> None:
    announce(catalog, read_elsewhere(ARTIST, "other"), READER)
    with pytest.raises(ModelUnavailable, match="no worker has announced other yet, which artist needs"):
        choose_models(TextToImageRequest(prompt="x", model="artist"), Offer.read(catalog))


def test_a_scale_that_no_model_has_is_refused_by_name(catalog: Catalog) -> None:
    announce(catalog, X2)
    with pytest.raises(InvalidRequest, match=r"upscale should be one of 2 .* got 4") as caught:
        choose_models(TextToImageRequest(prompt="x", upscale=4), Offer.read(catalog))
    assert caught.value.param == "upscale"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (BeautificationRequest(prompt="x"), "a model for beautification"),
        (TextToImageRequest(prompt="x", model="fast"), "model fast"),
        (SuperResolutionRequest(image="x", scale=4), "a model for super-resolution by 4"),
        (TextToImageRequest(prompt="x", beautify=True), "a model for beautification, which beautify needs"),
        (
            TextToImageRequest(prompt="x", refine=1, model="tiny"),
            "a model for refinement, which refine needs",
        ),
        (TextToImageRequest(prompt="x", upscale=4), "a model for super-resolution by 4, which upscale needs"),
        (TextToImageRequest(prompt="x", model="artist"), "model reader, which artist needs"),
    ],
)
def test_what_no_worker_serves_any_more_is_unavailable(
    catalog: Catalog, request_: JobRequest, said: str
) -> None:
    announce(catalog, read_elsewhere(ARTIST), X2)
    remember(catalog, FLASH, READER, WRITER, X4)
    with pytest.raises(ModelUnavailable, match=f"no worker that is alive serves {said}$"):
        choose_models(request_, Offer.read(catalog))


def test_without_any_worker_all_that_was_announced_is_waited_for(catalog: Catalog) -> None:
    catalog.withdraw("worker-1")
    remember(catalog, *FAMILY)
    request = TextToImageRequest(prompt="x", beautify=True, refine=1, upscale=4, model=ARTIST.id)
    assert [card for _, card in stages(request, catalog)] == [WRITER, ARTIST, FLASH, X4]
