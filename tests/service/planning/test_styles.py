"""The styles, and files of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from service.planning.styles import BadStyles, load_styles

OIL = {"name": "oil", "title": "Oil", "title_ru": "Масло", "template": "oil painting of {prompt}"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "styles.json"


def test_the_shipped_styles_are_the_published_ones_and_those_of_the_demonstration() -> None:
    styles = load_styles()
    assert list(styles) == [
        "digital-image",
        "pixel-art",
        "cartoon",
        "portrait-photo",
        "studio-photo",
        "cyberpunk",
        "3d-render",
        "classicism",
        "anime",
        "oil-painting",
        "pencil-drawing",
        "khokhloma",
        "aivazovsky",
        "kandinsky",
        "malevich",
        "picasso",
        "uhd",
        "flat",
        "noto",
    ]
    assert all(re.search("[а-яА-Я]", style.title_ru) for style in styles.values())


def test_a_file_of_ones_own_is_read(file: Path) -> None:
    file.write_text(json.dumps([OIL, {**OIL, "name": "ink-2", "negative_prompt": "photo"}]))
    styles = load_styles(file)
    assert [(name, style.negative_prompt) for name, style in styles.items()] == [
        ("oil", None),
        ("ink-2", "photo"),
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"oil": OIL}, "should hold a list of styles, got dict"),
        ([OIL, OIL], "style 2 is another one called oil"),
        ([OIL, {**OIL, "name": "Ink"}], "style 2 (Ink): name should match pattern"),
        ([{**OIL, "template": "oil"}], "style 1 (oil): template should contain {prompt} once, got 'oil'"),
        ([{**OIL, "template": "{prompt} {prompt}"}], "template should contain {prompt} once"),
        ([{**OIL, "title": ""}], "style 1 (oil): title should have at least 1 character"),
        ([{**OIL, "colour": 1}], "style 1 (oil): colour is not a field"),
        ([{"name": "oil"}], "style 1 (oil): title is missing"),
        (["oil"], "style 1: it should be a valid dictionary"),
    ],
)
def test_what_is_wrong_is_told_by_file_entry_and_field(file: Path, entries: Any, said: str) -> None:
    file.write_text(json.dumps(entries))
    with pytest.raises(BadStyles, match=f"^{re.escape(str(file))}.*{re.escape(said)}"):
        load_styles(file)


@pytest.mark.parametrize("content", [None, b"[", b"\xff"])
def test_a_file_that_cannot_be_read_is_named(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadStyles, match=f"the styles in {re.escape(str(file))} cannot be read"):
        load_styles(file)
