"""Sizes of pictures."""

import random
from typing import get_args

import pytest

from model import windows
from service.errors import InvalidRequest
from service.planning.sizes import check_size, fit_aspect_ratio, follow_shape, size_like, window_size
from service.requests import AspectRatio
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


def test_a_size_that_can_be_drawn_is_like_itself() -> None:
    assert size_like((1024, 576), CARD, area=1) == (1024, 576)


@pytest.mark.parametrize(
    ("size", "area", "like"),
    [
        ((1920, 1080), 512 * 512, (704, 384)),
        ((1080, 1920), 512 * 512, (384, 704)),
        ((100, 100), 512 * 512, (512, 512)),
        ((100, 100), 100 * 100, (128, 128)),
        ((4096, 16), 512 * 512, (1024, 128)),
    ],
)
def test_any_other_is_like_one_of_about_its_shape(
    size: tuple[int, int], area: int, like: tuple[int, int]
) -> None:
    assert size_like(size, CARD, area) == like


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (640, None, (640, 320)),
        (None, 640, (896, 640)),
        (128, None, (128, 128)),
        (256, 512, (256, 512)),
        (500, None, (500, 256)),
    ],
)
def test_a_side_that_is_left_out_follows_the_shape(
    width: int | None, height: int | None, size: tuple[int, int]
) -> None:
    assert follow_shape(width, height, (2000, 1000), CARD) == size


@pytest.mark.parametrize(("width", "height"), [(1024, None), (None, 1024)])
def test_it_follows_no_further_than_the_pixels_allow(width: int | None, height: int | None) -> None:
    size = follow_shape(width, height, (4000, 1) if width is None else (1, 4000), CARD)
    assert sorted(check_size(size, CARD)) == [576, 1024]


def test_a_side_that_is_given_too_long_is_the_one_at_fault() -> None:
    with pytest.raises(
        InvalidRequest, match="width should be between 128 and 1024 for model tiny, got 16384"
    ):
        check_size(follow_shape(16384, None, (1, 4000), CARD), CARD)


@pytest.mark.parametrize(
    ("size", "window"),
    [
        ((512, 512), (512, 512)),
        ((1000, 500), (1024, 512)),
        ((129, 129), (192, 192)),
        ((1000, 1000), (512, 512)),
        ((2000, 200), (1024, 256)),
        ((250, 2000), (256, 1024)),
        ((2048, 2048), (512, 512)),
    ],
)
def test_windows_are_the_whole_or_about_the_default_size(
    size: tuple[int, int], window: tuple[int, int]
) -> None:
    assert window_size(size, CARD) == check_size(window, CARD)


@pytest.mark.parametrize(("multiple", "side"), [(64, 512), (8, 64), (64, 1024)])
def test_windows_are_those_that_a_worker_draws(multiple: int, side: int) -> None:
    card = CARD.model_copy(
        update={
            "size_multiple": multiple,
            "min_side": multiple,
            "max_side": 2 * side,
            "max_pixels": 2 * side * side,
            "default_width": side,
            "default_height": side,
        }
    )
    chance = random.Random(5)
    for _ in range(500):
        width, height = (chance.randint(1, 2 ** chance.randint(3, 13)) for _ in range(2))
        drawn = windows.window_size((height, width), multiple, card.max_side, card.max_pixels, side)
        assert window_size((width, height), card) == drawn[::-1]


def test_too_many_pixels_are_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="at most 589824 pixels for model tiny, got 1024x640 = 655360"):
        check_size((1024, 640), CARD)
