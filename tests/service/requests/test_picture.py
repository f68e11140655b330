"""A picture in a request, in all its forms."""

import json

import pytest
from pydantic import ValidationError

from service.requests import JobReference, PictureFile, SuperResolutionRequest, UploadReference


def test_a_file_is_not_shown() -> None:
    assert "secret" not in repr(PictureFile(b"secret"))


@pytest.mark.parametrize(
    ("given", "picture"),
    [
        (" aGk=\n", "aGk="),
        ({"upload": "upl_1"}, UploadReference(upload="upl_1")),
        ({"job": "job_1"}, JobReference(job="job_1", index=0)),
        ({"job": "job_1", "index": 3}, JobReference(job="job_1", index=3)),
    ],
)
def test_a_picture_in_json(given: object, picture: object) -> None:
    assert SuperResolutionRequest.model_validate_json(json.dumps({"image": given})).image == picture


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        (7, ("image",), "valid string"),
        (None, ("image",), "valid string"),
        (" ", ("image",), "at least 1 character"),
        ({}, ("image", "upload"), "required"),
        ({"upload": ""}, ("image", "upload"), "at least 1 character"),
        ({"upload": "x" * 101}, ("image", "upload"), "at most 100 characters"),
        ({"job": "x" * 101}, ("image", "job"), "at most 100 characters"),
        ({"upload": "x", "size": 1}, ("image", "size"), "not permitted"),
        ({"job": "x", "index": -1}, ("image", "index"), "greater than or equal to 0"),
        ({"job": "x", "index": "0"}, ("image", "index"), "valid integer"),
        ({"content": "aGk="}, ("image", "upload"), "required"),
    ],
)
def test_what_is_no_picture_is_named(given: object, field: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        SuperResolutionRequest.model_validate_json(json.dumps({"image": given}))
    assert caught.value.errors()[0]["loc"] == field


def test_of_a_file_a_digest_is_written() -> None:
    written = json.loads(SuperResolutionRequest(image=PictureFile(b"\xff")).model_dump_json())
    assert written["image"] == {"sha256": "a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89"}


def test_a_reference_is_written_as_it_was() -> None:
    request = SuperResolutionRequest(image=JobReference(job="job_1"))
    assert SuperResolutionRequest.model_validate_json(request.model_dump_json()) == request
