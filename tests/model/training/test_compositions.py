from dataclasses import replace
from random import Random

import numpy as np
import pytest
from PIL import Image

from model.training.compositions import (
    Composition,
    CompositionConfig,
    Frame,
    Pictures,
    Placement,
    Renderer,
    render_bank,
    sample,
)
from model.training.pictures import Picture


def square(name: str, colour: tuple[int, int, int]) -> Picture:
    return Picture(name, (name,), ("shape",), name, "3d", Image.new("RGBA", (32, 32), (*colour, 255)))


RED = square("red square", (255, 0, 0))
BLUE = square("blue square", (0, 0, 255))
FLAT = replace(RED, style="flat")
PICTURES: Pictures = {"3d": [RED, BLUE], "flat": [FLAT], "noto": [replace(BLUE, style="noto")]}
PAIRS = CompositionConfig(pair_share=1, wide_pair_share=1, side_share=0, size_word_share=0)
SQUARE, WIDE = Frame(24, 24), Frame(48, 24)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"russian_share": 1.5}, "russian_share must be from 0 to 1, not 1.5"),
        ({"size": (0.9, 0.5)}, "size must be a rising range"),
        ({"pair_share": 0.6, "side_share": 0.5}, "must not exceed 1 together"),
        ({"offset": -0.1}, "offset must be from 0 to 0.5"),
        ({"flat_share": 0.6, "noto_share": 0.5}, "flat_share and noto_share must not exceed 1"),
        ({"colour_jitter": 300}, "colour_jitter must be from 0 to 255"),
    ],
)
def test_config_refuses(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompositionConfig(**fields)  # type: ignore[arg-type]


def test_render_places_object() -> None:
    composition = Composition((Placement(RED, 0.25, 0.5, 0.5),), (0, 255, 0), "")
    pixels = Renderer(Frame(16, 16)).render(composition)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    assert pixels[8, 4].tolist() == [255, 0, 0]
    assert pixels[8, 12].tolist() == [0, 255, 0]


def test_edges_blend_without_dark_fringe() -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (8, 8, 56, 56))
    ring = Picture("ring", ("ring",), (), "", "3d", image)
    pixels = Renderer(Frame(17, 17)).render(
        Composition((Placement(ring, 0.5, 0.5, 1.0),), (255, 255, 255), "")
    )
    assert pixels.min() >= 254


@pytest.mark.parametrize(("word", "is_left"), [("left", True), ("right", False)])
def test_side_matches_caption(word: str, is_left: bool) -> None:
    config = CompositionConfig(side_share=1.0, size_word_share=0.0, wide_pair_share=0)
    drawn = [sample(Random(seed), PICTURES, config, SQUARE) for seed in range(100)]
    chosen = [composition for composition in drawn if word in composition.caption]
    assert chosen
    assert all((composition.placements[0].x < 0.4) == is_left for composition in chosen)


def test_pair_stands_left_and_right() -> None:
    left, right = sample(Random(0), PICTURES, PAIRS, SQUARE).placements
    assert left.picture is not right.picture
    assert left.x + left.size / 2 <= right.x - right.size / 2


def test_pair_in_a_wide_picture_is_of_full_size() -> None:
    left, right = sample(Random(0), PICTURES, PAIRS, WIDE).placements
    assert min(left.size, right.size) >= CompositionConfig().size[0]
    assert left.x + left.size / 4 <= right.x - right.size / 4


@pytest.mark.parametrize(("share", "style"), [("flat_share", "flat"), ("noto_share", "noto")])
def test_style_is_drawn_and_named(share: str, style: str) -> None:
    config = CompositionConfig(**{share: 1.0})  # type: ignore[arg-type]
    drawn = [sample(Random(seed), PICTURES, config, SQUARE) for seed in range(30)]
    assert all(composition.placements[0].picture.style == style for composition in drawn)
    assert all(style in composition.caption for composition in drawn)


def test_render_places_in_a_wide_picture() -> None:
    pixels = Renderer(WIDE).render(Composition((Placement(RED, 0.75, 0.5, 1.0),), (0, 255, 0), ""))
    assert pixels.shape == (24, 48, 3)
    assert pixels[12, 36].tolist() == [255, 0, 0]
    assert pixels[12, 12].tolist() == [0, 255, 0]


def test_objects_stay_inside() -> None:
    config = CompositionConfig(offset=0.3)
    placed = [p for seed in range(200) for p in sample(Random(seed), PICTURES, config, SQUARE).placements]
    assert all(abs(centre - 0.5) <= 0.5 - p.size / 2 + 1e-9 for p in placed for centre in (p.x, p.y))


def test_unnamed_background_is_white() -> None:
    config = CompositionConfig(named_background_share=0, white_share=1)
    assert {sample(Random(seed), PICTURES, config, SQUARE).background for seed in range(50)} == {
        (255, 255, 255)
    }


def test_bank_depends_on_seed_alone() -> None:
    bank, captions = render_bank(CompositionConfig(), PICTURES, 20, WIDE, seed=5)
    again, same = render_bank(CompositionConfig(), PICTURES, 20, WIDE, seed=5)
    other, _ = render_bank(CompositionConfig(), PICTURES, 20, WIDE, seed=6)
    assert bank.shape == (20, 24, 48, 3)
    assert captions == same
    assert np.array_equal(bank, again)
    assert not np.array_equal(bank, other)


def test_frame_refuses_no_side() -> None:
    with pytest.raises(ValueError, match="at least 1 x 1 pixels, not 0 x 24"):
        Frame(0, 24)
