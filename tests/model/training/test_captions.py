from random import Random

import pytest
from PIL import Image

from model.training.captions import COLOURS, Scene, Wording, with_article, write_caption
from model.training.pictures import Picture, Style

PLAIN = Wording()
ORANGE = next(colour for colour in COLOURS if colour.name == "orange")


def picture(*names: str, label_ru: str = "", tags: tuple[str, ...] = (), style: Style = "3d") -> Picture:
    return Picture(names[0], names, tags, label_ru, style, Image.new("RGBA", (4, 4)))


def captions(scene: Scene, wording: Wording = PLAIN) -> set[str]:
    return {write_caption(Random(seed), scene, wording) for seed in range(300)}


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("apple", "an apple"),
        ("red apple", "a red apple"),
        ("unicorn", "a unicorn"),
        ("umbrella", "an umbrella"),
        ("octopus", "an octopus"),
        ("bus", "a bus"),
        ("nest with eggs", "a nest with eggs"),
        ("cherries", "cherries"),
        ("bread", "bread"),
        ("sun", "the sun"),
    ],
)
def test_article(noun: str, expected: str) -> None:
    assert with_article(noun) == expected


def test_article_agrees_with_adjective() -> None:
    assert with_article("apple", "small") == "a small apple"


def test_plain_wordings() -> None:
    written = captions(Scene((picture("red apple"),)))
    assert {
        "red apple",
        "a red apple",
        "red apple icon",
        "a red apple, 3d style",
        "a photo of a red apple",
    } <= written


def test_every_name_is_used() -> None:
    written = captions(Scene((picture("apple", "red apple"),)))
    assert {"an apple", "a red apple"} <= written


def test_background_is_named() -> None:
    written = captions(Scene((picture("cat"),), background=ORANGE))
    assert all("orange" in caption for caption in written)
    assert "a cat on an orange background" in written


def test_size_and_side_are_named() -> None:
    written = captions(Scene((picture("cat"),), size="small", side="left"))
    assert "a small cat on the left" in written
    assert all("small" in caption and "left" in caption for caption in map(str.lower, written))


def test_pair_says_which_is_left() -> None:
    written = captions(Scene((picture("cat"), picture("owl"))))
    assert {"a cat to the left of an owl", "an owl to the right of a cat"} <= written


def test_russian_share() -> None:
    scene = Scene((picture("cat", label_ru="кошка"),), background=ORANGE)
    assert "кошка на оранжевом фоне" in captions(scene, Wording(russian=1.0))


@pytest.mark.parametrize("style", ["flat", "noto"])
def test_style_is_always_named(style: Style) -> None:
    scene = Scene((picture("cat", label_ru="кошка", style=style),))
    assert all(style in caption for caption in map(str.lower, captions(scene)))
    russian = {"flat": "плоский стиль", "noto": "стиль noto"}[style]
    assert all(russian in caption for caption in captions(scene, Wording(russian=1.0)))


def test_russian_pair_says_which_is_left() -> None:
    scene = Scene((picture("cat", label_ru="кошка"), picture("owl", label_ru="сова")))
    assert {"слева кошка, справа сова", "кошка слева, сова справа"} <= captions(scene, Wording(russian=1.0))


def test_tag_share() -> None:
    written = captions(Scene((picture("cat", tags=("animal",)),)), Wording(tags=1.0))
    assert "a cat, animal" in written


def test_one_seed_one_caption() -> None:
    scene = Scene((picture("apple", "red apple"),))
    assert write_caption(Random(3), scene, PLAIN) == write_caption(Random(3), scene, PLAIN)
