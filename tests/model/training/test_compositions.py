from random import Random

import numpy as np
import pytest
from PIL import Image

from model.training.compositions import (
    Composition,
    CompositionConfig,
    Placement,
    Renderer,
    render_bank,
    sample,
)
from model.training.pictures import Picture


def square(name: str, colour: tuple[int, int, int]) -> Picture:
    return Picture(name, (name,), ("shape",), name, Image.new("RGBA", (32, 32), (*colour, 255)))


RED = square("red square", (255, 0, 0))
BLUE = square("blue square", (0, 0, 255))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"russian_share": 1.5}, "russian_share must be from 0 to 1, not 1.5"),
        ({"size": (0.9, 0.5)}, "size must be a rising range"),
        ({"pair_share": 0.6, "side_share": 0.5}, "must not exceed 1 together"),
        ({"offset": -0.1}, "offset must be from 0 to 0.5"),
        ({"colour_jitter": 300}, "colour_jitter must be from 0 to 255"),
    ],
)
def test_config_refuses(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompositionConfig(**fields)  # type: ignore[arg-type]


def test_render_places_object() -> None:
    composition = Composition((Placement(RED, 0.25, 0.5, 0.5),), (0, 255, 0), "")
    pixels = Renderer(16).render(composition)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    assert pixels[8, 4].tolist() == [255, 0, 0]
    assert pixels[8, 12].tolist() == [0, 255, 0]


def test_edges_blend_without_dark_fringe() -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (8, 8, 56, 56))
    ring = Picture("ring", ("ring",), (), "", image)
    pixels = Renderer(17).render(Composition((Placement(ring, 0.5, 0.5, 1.0),), (255, 255, 255), ""))
    assert pixels.min() >= 254


@pytest.mark.parametrize(("word", "is_left"), [("left", True), ("right", False)])
def test_side_matches_caption(word: str, is_left: bool) -> None:
    config = CompositionConfig(side_share=1.0, size_word_share=0.0)
    drawn = [sample(Random(seed), [RED], config) for seed in range(100)]
    chosen = [composition for composition in drawn if word in composition.caption]
    assert chosen
    assert all((composition.placements[0].x < 0.4) == is_left for composition in chosen)


def test_pair_stands_left_and_right() -> None:
    composition = sample(
        Random(0), [RED, BLUE], CompositionConfig(pair_share=1, side_share=0, size_word_share=0)
    )
    left, right = composition.placements
    assert left.picture is not right.picture
    assert left.x + left.size / 2 <= right.x - right.size / 2


def test_objects_stay_inside() -> None:
    config = CompositionConfig(offset=0.3)
    placed = [p for seed in range(200) for p in sample(Random(seed), [RED], config).placements]
    assert all(p.size / 2 <= p.x <= 1 - p.size / 2 and p.size / 2 <= p.y <= 1 - p.size / 2 for p in placed)


def test_unnamed_background_is_white() -> None:
    config = CompositionConfig(named_background_share=0, white_share=1)
    assert {sample(Random(seed), [RED], config).background for seed in range(50)} == {(255, 255, 255)}


def test_bank_depends_on_seed_alone() -> None:
    bank, captions = render_bank(CompositionConfig(), [RED, BLUE], 20, 24, seed=5)
    again, same = render_bank(CompositionConfig(), [RED, BLUE], 20, 24, seed=5)
    other, _ = render_bank(CompositionConfig(), [RED, BLUE], 20, 24, seed=6)
    assert bank.shape == (20, 24, 24, 3)
    assert captions == same
    assert np.array_equal(bank, again)
    assert not np.array_equal(bank, other)


def test_renderer_refuses_no_side() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        Renderer(0)
