"""The mock models as the catalog shows them."""

import pytest

from worker.jobs.stages import FAMILIES, Kind
from worker.mock.cards import all_cards, choose_cards
from worker.settings import NothingToServe, WorkerSettings

EVERYTHING = ",".join(FAMILIES)


def test_there_is_a_model_of_every_kind() -> None:
    assert {kind for card in all_cards() for kind in card.kinds} == set(Kind)


def test_what_draws_has_the_limits_of_the_full_size() -> None:
    cards = {card.id: card for card in all_cards()}
    drawing = cards["mock"]
    assert (drawing.default_width, drawing.size_multiple, drawing.max_side) == (1024, 64, 2048)
    assert [sampler.name for sampler in drawing.samplers] == ["ddpm", "kandinsky"]
    assert cards["mock-inpainting"].max_outpainted_side == 4096
    assert [cards[name].scales for name in ("mock-x2", "mock-x4")] == [(2,), (4,)]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["mock", "mock-flash", "mock-inpainting", "mock-x2", "mock-x4", "mock-language"]),
        ({"models": "mock-x4,mock"}, ["mock-x4", "mock"]),
        ({"queues": "superres,prompts"}, ["mock-x2", "mock-x4", "mock-language"]),
        ({"queues": "encoders"}, ["mock-encoder"]),
    ],
    ids=["all", "models", "queues", "encoders"],
)
def test_the_settings_say_which_are_served(settings: dict[str, str], names: list[str]) -> None:
    assert [card.id for card in choose_cards(WorkerSettings(**settings))] == names


def test_prompts_may_be_read_by_another_worker() -> None:
    cards = {card.id: card for card in choose_cards(WorkerSettings(memory="encoder-remote"))}
    assert (cards["mock"].encoder, cards["mock-x2"].encoder) == ("mock-encoder", None)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"models": "mock-x8"}, "no mock model is called 'mock-x8'; there is mock, mock-flash"),
        ({"models": "mock", "queues": "prompts"}, "there is nothing that works for queue prompts"),
    ],
    ids=["unknown", "nothing"],
)
def test_what_leaves_no_model_is_refused(settings: dict[str, str], says: str) -> None:
    with pytest.raises(NothingToServe, match=says):
        choose_cards(WorkerSettings(**settings))
