"""Forms of edits."""

import pytest

from service.errors import InvalidRequest
from service.openai.requests import read_edit
from service.requests import PictureFile

FILE = b"picture"


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_a_form_has_files_and_text(name: str) -> None:
    read = read_edit([(name, FILE), ("prompt", "a cat"), ("mask", FILE)])
    assert read == {"image": [PictureFile(FILE)], "prompt": "a cat", "mask": PictureFile(FILE)}


def test_an_empty_field_is_left_out() -> None:
    assert read_edit([("n", ""), ("mask", b"")]) == {}


def test_a_field_that_is_given_twice_is_named() -> None:
    with pytest.raises(InvalidRequest, match="prompt should be given once"):
        read_edit([("prompt", "a cat"), ("prompt", "a dog")])
