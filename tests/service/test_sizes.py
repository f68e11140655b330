"""Sizes of pictures."""

from typing import get_args

import pytest

from service.errors import InvalidRequest
from service.requests import AspectRatio
from service.sizes import check_size, fit_aspect_ratio
from tests.service.conftest import CARD

RATIOS = get_args(AspectRatio)
SMALL = CARD.model_copy(
    update={
        "size_multiple": 8,
        "min_side": 32,
        "max_side": 96,
        "max_pixels": 64 * 64,
        "default_width": 64,
        "default_height": 64,
    }
)


@pytest.mark.parametrize("card", [CARD, SMALL], ids=["512", "64"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_every_ratio_gives_a_size_that_the_model_can_draw(card: object, ratio: str) -> None:
    assert isinstance(card, type(CARD))
    check_size(fit_aspect_ratio(ratio, card), card)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_shape_is_about_the_one_asked_for(ratio: str) -> None:
    width, height = fit_aspect_ratio(ratio, CARD)
    across, down = map(int, ratio.split(":"))
    assert width / height == pytest.approx(across / down, rel=0.15)


def test_turned_ratios_give_turned_sizes() -> None:
    for ratio in RATIOS:
        turned = ":".join(reversed(ratio.split(":")))
        assert fit_aspect_ratio(turned, CARD) == fit_aspect_ratio(ratio, CARD)[::-1]


def test_a_square_is_the_default_size() -> None:
    assert fit_aspect_ratio("1:1", CARD) == (512, 512)


@pytest.mark.parametrize("size", [(128, 128), (1024, 576), (768, 768)])
def test_the_limits_themselves_are_allowed(size: tuple[int, int]) -> None:
    check_size(size, CARD)


def test_too_many_pixels_are_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="at most 589824 pixels for model tiny, got 1024x640 = 655360"):
        check_size((1024, 640), CARD)
