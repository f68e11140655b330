from dataclasses import replace

import numpy as np
import pytest
import torch

from model.pipeline import Denoising, Pipeline, Request
from model.pixels import Pixels, to_pixels
from tests.model.conftest import MakeRequest

#: Each differs from the others in what a batch could mix up.
VARIANTS: tuple[dict[str, object], ...] = (
    {"sampler": "kandinsky", "num_steps": 7},
    {"sampler": "ddpm", "num_steps": 3, "guidance_scale": 0.0},
    {"sampler": "flash", "guidance_scale": 0.0},
    {"prompt": "two green bottles, with a cat between them, in the style of an old postcard"},
    {"prompt": "кот", "negative_prompt": "a photo of a small dog on a blue background"},
    {"prompt": "a pizza", "negative_prompt": "dog", "sampler": "kandinsky", "guidance_scale": 6.0},
    {"prompt": "", "seed": 2**32 - 1},
)


def finish(pipeline: Pipeline, samples: list[Denoising]) -> None:
    while waiting := [sample for sample in samples if not sample.is_done]:
        pipeline.step(waiting)


def draw(pipeline: Pipeline, request: Request) -> tuple[torch.Tensor, Pixels]:
    """The latent and the picture of a sample alone."""
    [sample] = pipeline.start([request])
    finish(pipeline, [sample])
    [pixels] = pipeline.decode([sample])
    return sample.latent, pixels


def assert_same_picture(found: Pixels, expected: Pixels) -> None:
    """But for rounding, of which the contrasts of a random decoder make a few levels."""
    assert expected.std() > 30
    assert np.abs(found.astype(int) - expected).max() <= 4


def test_same_request_gives_the_same_bits(pipeline: Pipeline, make_request: MakeRequest) -> None:
    first, second = (draw(pipeline, make_request(num_steps=10))[1] for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("sampler", ["ddpm", "kandinsky", "flash"])
def test_batch_mates_do_not_matter(pipeline: Pipeline, make_request: MakeRequest, sampler: str) -> None:
    requests = [make_request(sampler=sampler), *(make_request(**fields) for fields in VARIANTS)]
    batch = pipeline.start(requests)
    finish(pipeline, batch)
    for request, sample, pixels in zip(requests, batch, pipeline.decode(batch), strict=True):
        latent, alone = draw(pipeline, request)
        assert (sample.latent - latent).abs().max() < 1e-3
        assert_same_picture(pixels, alone)


def test_joining_midway_does_not_matter(pipeline: Pipeline, make_request: MakeRequest) -> None:
    early = pipeline.start([make_request(**fields) for fields in VARIANTS])
    for _ in range(2):
        pipeline.step(early)
    [late] = pipeline.start([make_request()])
    finish(pipeline, [*early[:3], late, *early[3:]])
    [pixels] = pipeline.decode([late])
    assert_same_picture(pixels, draw(pipeline, make_request())[1])


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a red apples"},
        {"seed": 8},
        {"index": 1},
        {"guidance_scale": 0.0},
        {"guidance_scale": 6.0},
        {"negative_prompt": "a cat"},
        {"num_steps": 6},
        {"sampler": "kandinsky"},
        {"sampler": "flash"},
    ],
)
def test_every_field_changes_the_picture(
    pipeline: Pipeline, make_request: MakeRequest, change: dict[str, object]
) -> None:
    first, second = (draw(pipeline, make_request(**fields))[1] for fields in ({}, change))
    assert np.abs(first.astype(int) - second).max() > 10


def test_text_outside_guidance_does_not_matter(pipeline: Pipeline, make_request: MakeRequest) -> None:
    first, second = (
        draw(pipeline, make_request(guidance_scale=0.0, negative_prompt=text))[1] for text in ("", "cat")
    )
    assert np.array_equal(first, second)


def test_copied_state_goes_on_to_the_same_picture(pipeline: Pipeline, make_request: MakeRequest) -> None:
    [sample] = pipeline.start([make_request()])
    for _ in range(2):
        pipeline.step([sample])
    copy = replace(sample)
    finish(pipeline, [sample])
    assert not copy.is_done
    finish(pipeline, [copy])
    assert torch.equal(copy.latent, sample.latent)


def test_batch_mates_may_change_places(pipeline: Pipeline, make_request: MakeRequest) -> None:
    """Two samples take turns beside a third, so that every batch is as large as the one before."""
    third, first, second = pipeline.start(
        [make_request(num_steps=8), make_request(prompt="a dog", num_steps=4), make_request(num_steps=4)]
    )
    for _ in range(4):
        pipeline.step([third, first])
        pipeline.step([third, second])
    [pixels] = pipeline.decode([second])
    assert_same_picture(pixels, draw(pipeline, second.request)[1])


@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_few_steps_are_enough_for_a_finite_picture(
    pipeline: Pipeline, make_request: MakeRequest, num_steps: int
) -> None:
    for sampler in ("ddpm", "kandinsky"):
        [sample] = pipeline.start([make_request(sampler=sampler, num_steps=num_steps)])
        finish(pipeline, [sample])
        assert sample.is_finite


def test_sizes_other_than_squares(pipeline: Pipeline, make_request: MakeRequest) -> None:
    _, pixels = draw(pipeline, make_request(width=128, height=64, num_steps=1))
    assert pixels.shape == (64, 128, 3)


def test_infinite_latent_is_noticed(pipeline: Pipeline, make_request: MakeRequest) -> None:
    [sample] = pipeline.start([make_request()])
    assert sample.is_finite
    sample.latent = sample.latent / 0
    assert not sample.is_finite


def test_pixels_are_clipped_and_rounded() -> None:
    picture = torch.tensor([-2.0, -1.0, 0.0, 0.996, 1.0, 2.0]).reshape(1, 1, 1, 6).expand(1, 3, 1, 6)
    assert to_pixels(picture)[0, 0, :, 0].tolist() == [0, 0, 128, 254, 255, 255]


def test_pictures_of_one_prompt_share_its_features(pipeline: Pipeline, make_request: MakeRequest) -> None:
    one, two, other = pipeline.start(
        [make_request(), make_request(index=1), make_request(negative_prompt="dog")]
    )
    assert one.text is two.text
    assert one.text is not other.text


def test_states_from_elsewhere(pipeline: Pipeline, make_request: MakeRequest) -> None:
    request = make_request(prompt="a cat", negative_prompt="a dog")
    texts = sorted(request.texts)
    with torch.inference_mode():
        states = dict(zip(texts, pipeline.checkpoint.prompts.encode(texts), strict=True))
    checkpoint = pipeline.checkpoint
    apart = Pipeline(replace(checkpoint, components=replace(checkpoint.components, text_encoder=None)))
    [expected, found] = (
        draw(p, r)[1] for p, r in ((pipeline, request), (apart, replace(request, states=states)))
    )
    assert_same_picture(found, expected)


def test_pictures_of_one_prompt_keep_their_own_states(pipeline: Pipeline, make_request: MakeRequest) -> None:
    given = {"a red apple": torch.zeros(3, pipeline.checkpoint.prompts.width)}
    requests = [make_request(), make_request(states=given)]
    batch = pipeline.start(requests)
    finish(pipeline, batch)
    for request, pixels in zip(requests, pipeline.decode(batch), strict=True):
        assert_same_picture(pixels, draw(pipeline, request)[1])
    assert batch[0].text is not batch[1].text


def test_missing_states_are_named(make_request: MakeRequest) -> None:
    with pytest.raises(ValueError, match="states lacks those of 'a dog'"):
        make_request(states={"a red apple": torch.zeros(1, 32)}, negative_prompt="a dog")
