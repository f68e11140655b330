"""What is asked for in OpenAI's words, as requests of ours."""

import pytest
from fastapi.exceptions import RequestValidationError

from service.openai.requests import EditRequest, GenerationRequest
from service.openai.translation import translate_edit, translate_generation, with_quality
from service.planning.choice import Offer
from service.requests import ImageToImageRequest, InpaintingRequest, PictureFile, TextToImageRequest
from tests.service.conftest import CARD, FLASH

FILE = PictureFile(content=b"picture")


def translated(**fields: object) -> TextToImageRequest:
    return translate_generation(GenerationRequest.model_validate({"prompt": "a cat", **fields}), ["natural"])


def test_what_is_left_out_is_left_to_the_model() -> None:
    assert translated(size="auto", n=None, seed=None) == TextToImageRequest(prompt="a cat")


def test_the_names_of_openai_become_ours() -> None:
    asked = translated(n=2, size="512x256", output_format="jpeg", output_compression=0)
    assert (asked.num_images, asked.width, asked.height, asked.output_quality) == (2, 512, 256, 1)


@pytest.mark.parametrize(
    ("model", "chosen"),
    [("dall-e-3", None), ("gpt-image-1.5", None), ("chatgpt-image-latest", None), ("tiny", "tiny")],
)
def test_models_of_openai_stand_for_the_default(model: str, chosen: str | None) -> None:
    assert translated(model=model).model == chosen


@pytest.mark.parametrize(("style", "chosen"), [("vivid", None), ("natural", "natural"), ("anime", "anime")])
def test_a_style_of_the_operator_is_taken_even_if_openai_has_one_of_the_name(
    style: str, chosen: str | None
) -> None:
    assert translated(style=style).style == chosen


@pytest.mark.parametrize(
    ("model", "quality", "steps"),
    [
        ("tiny", "low", 12),
        ("tiny", "max", 50),
        ("fast", "low", 4),
        ("fast", "max", 8),
        ("tiny", "auto", None),
    ],
)
def test_the_steps_of_a_quality_are_within_the_limits(model: str, quality: str, steps: int | None) -> None:
    asked = GenerationRequest.model_validate({"prompt": "a cat", "quality": quality, "model": model})
    offer = Offer({"tiny": CARD, "fast": FLASH}, [])
    assert with_quality(asked, translate_generation(asked, []), offer).steps == steps


def test_steps_take_the_place_of_a_quality() -> None:
    asked = GenerationRequest(prompt="a cat", quality="max", steps=3)
    assert with_quality(asked, translate_generation(asked, []), Offer({"tiny": CARD}, [])).steps == 3


def test_a_mask_makes_an_edit_inpainting() -> None:
    masked = EditRequest(prompt="a cat", image=FILE, mask=FILE)
    assert isinstance(translate_edit(masked), InpaintingRequest)
    drawn_again = translate_edit(EditRequest(prompt="a cat", image=FILE))
    assert isinstance(drawn_again, ImageToImageRequest)
    assert drawn_again.strength == 0.7


def test_what_our_request_refuses_is_a_fault_of_the_body() -> None:
    with pytest.raises(RequestValidationError) as caught:
        translated(size="0x64")
    assert caught.value.errors()[0]["loc"] == ("body", "width")


@pytest.mark.parametrize(
    ("model", "response_format", "wanted"),
    [
        (None, None, False),
        ("dall-e-3", None, False),
        ("gpt-image-1", None, True),
        ("gpt-image-1", "url", False),
        (None, "b64_json", True),
    ],
)
def test_who_gets_base64(model: str | None, response_format: str | None, wanted: bool) -> None:
    fields = {"prompt": "a cat", "model": model, "response_format": response_format}
    assert GenerationRequest.model_validate(fields).wants_base64 is wanted
