"""Forms as requests."""

import pytest
from pydantic import ValidationError

from service.bodies.forms import Form, form_values
from service.errors import InvalidRequest
from service.requests import InpaintingRequest, JobReference, PictureFile, UploadReference

FILES: Form = [("prompt", "a cat"), ("image", b"1"), ("mask", b"2")]


def request_of(*fields: tuple[str, str | bytes]) -> InpaintingRequest:
    """What a form with these fields asks for."""
    return InpaintingRequest.model_validate(form_values(InpaintingRequest, [*FILES, *fields]))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("num_images", "3", 3),
        ("guidance_scale", "4.5", 4.5),
        ("upscale", "2", 2),
        ("paste_back", "False", False),
        ("paste_back", "false", False),
        ("paste_back", "0", False),
        ("beautify", "on", True),
        ("output_format", "webp", "webp"),
        ("negative_prompt", "123", "123"),
        ("negative_prompt", '{"a": 1}', '{"a": 1}'),
        ("webhook_events", "null", None),
        ("metadata", '{"order": [1, null]}', {"order": [1, None]}),
        ("webhook_events", "job.failed", ["job.failed"]),
        ("webhook_events", '["job.failed", "job.succeeded"]', ["job.failed", "job.succeeded"]),
    ],
)
def test_a_field_is_read_by_what_it_may_be(name: str, text: str, value: object) -> None:
    assert getattr(request_of((name, text)), name) == value


def test_a_list_may_be_given_item_by_item() -> None:
    request = request_of(("webhook_events", "job.failed"), ("webhook_events", "job.canceled"))
    assert request.webhook_events == ["job.failed", "job.canceled"]


def test_files_are_pictures() -> None:
    assert (request_of().image, request_of().mask) == (PictureFile(b"1"), PictureFile(b"2"))


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        ("aGk=", "aGk="),
        ('{"upload": "upl_1"}', UploadReference(upload="upl_1")),
        (' {"job": "job_1", "index": 2}', JobReference(job="job_1", index=2)),
    ],
)
def test_text_may_stand_for_a_picture(text: str, picture: object) -> None:
    form: Form = [("prompt", "a cat"), ("image", text), ("mask", b"2")]
    assert InpaintingRequest.model_validate(form_values(InpaintingRequest, form)).image == picture


def test_text_may_come_as_a_file() -> None:
    assert request_of(("negative_prompt", "ёж".encode())).negative_prompt == "ёж"


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ([("image", b"3")], "image", "should be given once"),
        ([("seed", "1"), ("seed", "2")], "seed", "should be given once"),
        ([("style", b"\xff")], "style", "should be text"),
    ],
)
def test_a_form_that_says_too_much_is_refused(fields: Form, param: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        request_of(*fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("name", "text"),
    [("deadline_seconds", "true"), ("num_images", "2.5"), ("num_images", "two"), ("beautify", "2")],
)
def test_what_a_field_may_not_be_is_refused_as_in_json(name: str, text: str) -> None:
    with pytest.raises(ValidationError, match="Input should be a valid"):
        request_of((name, text))


def test_long_text_is_not_read_as_json() -> None:
    text = "[" + " " * 70_000 + "]"
    assert form_values(InpaintingRequest, [("metadata", text)]) == {"metadata": text}
