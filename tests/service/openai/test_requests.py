"""Forms of edits."""

import pytest
from pydantic import ValidationError

from service.errors import InvalidRequest
from service.openai.requests import EditRequest, read_edit
from service.requests import PictureFile

FILE = b"picture"


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_a_form_has_files_and_text(name: str) -> None:
    read = read_edit([(name, FILE), ("prompt", "a cat"), ("mask", FILE)])
    assert read == {"image": PictureFile(FILE), "prompt": "a cat", "mask": PictureFile(FILE)}


def test_only_a_text_that_is_empty_is_left_out() -> None:
    assert read_edit([("n", ""), ("mask", b"")]) == {"mask": PictureFile(b"")}


@pytest.mark.parametrize(
    ("name", "again"), [("prompt", "prompt"), ("image", "image"), ("image", "image[]")], ids=str
)
def test_a_field_that_is_given_twice_is_named(name: str, again: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} should be given once, got more"):
        read_edit([(name, "a"), (again, "b")])


def test_no_strength_goes_with_a_mask() -> None:
    picture = PictureFile(FILE)
    with pytest.raises(ValidationError, match=r"strength\n.*left out with a mask"):
        EditRequest(prompt="a cat", image=picture, mask=picture, strength=0.5)
