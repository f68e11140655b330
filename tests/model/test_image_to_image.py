"""Pictures that start from a picture, in the same pipeline as those that start from noise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import Kandinsky3Img2ImgPipeline
from diffusers.pipelines.kandinsky3 import pipeline_kandinsky3_img2img
from diffusers.schedulers import scheduling_ddpm
from PIL import Image

from model.checkpoint import load_checkpoint
from model.pipeline import Pipeline, Request
from model.pixels import Pixels, from_pixels
from model.schedule import FLASH_TIMESTEPS, Sampler, draw_noise
from tests.model.conftest import CPU, MakeRequest
from tests.model.test_pipeline import assert_same_picture, draw, finish


@pytest.fixture
def make_variation(make_request: MakeRequest) -> MakeRequest:
    """Makes a request that starts from a picture; keywords set its fields."""

    def make(**fields: object) -> Request:
        return make_request(**{"image": photo(), "strength": 0.6, "num_steps": 10, **fields})

    return make


@pytest.fixture(scope="module")
def theirs(tiny_checkpoint: Path) -> Kandinsky3Img2ImgPipeline:
    pipeline = Kandinsky3Img2ImgPipeline.from_pretrained(tiny_checkpoint, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def photo(seed: int = 0, height: int = 64, width: int = 64) -> Pixels:
    """A picture of large patches."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    return small.repeat(16, axis=0).repeat(16, axis=1)


def draw_with_diffusers(pipeline: Kandinsky3Img2ImgPipeline, request: Request, noises: list) -> np.ndarray:
    """Their picture from our noise, in 0..255."""
    draws = iter(noises)
    with pytest.MonkeyPatch.context() as patch:
        for module in (pipeline_kandinsky3_img2img, scheduling_ddpm):
            patch.setattr(module, "randn_tensor", lambda *_, **__: next(draws))
        result = pipeline(
            request.prompt,
            image=Image.fromarray(request.image),
            strength=request.strength,
            negative_prompt=request.negative_prompt or None,
            num_inference_steps=request.num_steps,
            guidance_scale=request.guidance_scale,
            output_type="np",
        )
    return 255 * result.images[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"strength": 0.3},
        {"strength": 1.0, "guidance_scale": 0.0},
        {"strength": 0.58, "num_steps": 50, "negative_prompt": "a dog"},
        {"image": photo(1, width=128), "width": 128, "guidance_scale": 5.0},
    ],
    ids=lambda fields: str({name: value for name, value in fields.items() if name != "image"}),
)
def test_same_picture_as_diffusers(
    pipeline: Pipeline,
    theirs: Kandinsky3Img2ImgPipeline,
    make_variation: MakeRequest,
    fields: dict[str, object],
) -> None:
    request = make_variation(**fields)
    latent, pixels = draw(pipeline, request)
    draws = (0, *range(2, 2 + pipeline.num_steps(request)))
    expected = draw_with_diffusers(
        theirs, request, [draw_noise(request.seed, 0, number, tuple(latent.shape)) for number in draws]
    )
    assert expected.std() > 30
    assert np.abs(pixels - expected).max() <= 2


@pytest.mark.parametrize(
    ("sampler", "num_steps", "strength", "taken"),
    [
        ("ddpm", 25, 0.3, 7),
        ("ddpm", 25, 1.0, 25),
        ("ddpm", 25, 0.01, 1),
        ("kandinsky", 50, 0.5, 25),
        ("flash", 50, 0.01, 1),
        ("flash", 4, 0.25, 1),
        ("flash", 4, 0.3, 2),
        ("flash", 4, 0.5, 2),
        ("flash", 4, 0.75, 3),
        ("flash", 1, 1.0, 4),
    ],
)
def test_steps_that_are_taken(
    pipeline: Pipeline,
    make_variation: MakeRequest,
    sampler: Sampler,
    num_steps: int,
    strength: float,
    taken: int,
) -> None:
    request = make_variation(sampler=sampler, num_steps=num_steps, strength=strength)
    [sample] = pipeline.start([request])
    assert pipeline.num_steps(request) == sample.num_steps == taken
    finish(pipeline, [sample])
    assert sample.num_done == taken


def test_flash_starts_at_the_timestep_of_its_tail(pipeline: Pipeline, make_variation: MakeRequest) -> None:
    """The picture and its first noise, as the Flash sampler weighs them before its step there."""
    [sample] = pipeline.start([make_variation(sampler="flash", strength=0.5)])
    assert sample.trajectory.table[:, 0].tolist() == list(FLASH_TIMESTEPS[2:])
    encoded = pipeline.checkpoint.movq.encode(from_pixels(photo(), CPU))
    expected = 0.72457182 * encoded + 0.68919927 * draw_noise(7, 0, 0, tuple(encoded.shape))
    torch.testing.assert_close(sample.latent, expected)


def test_shares_steps_with_pictures_of_a_prompt(pipeline: Pipeline, make_variation: MakeRequest) -> None:
    requests = [
        make_variation(),
        make_variation(image=None),
        make_variation(image=photo(1), strength=0.9, sampler="kandinsky", index=1),
        make_variation(sampler="flash", strength=0.3, prompt="кот"),
    ]
    batch = pipeline.start(requests)
    finish(pipeline, batch)
    for request, pixels in zip(requests, pipeline.decode(batch), strict=True):
        assert_same_picture(pixels, draw(pipeline, request)[1])


@pytest.mark.parametrize("change", [{"image": photo(1)}, {"strength": 0.9}, {"index": 1}, {"image": None}])
def test_every_field_changes_the_picture(
    pipeline: Pipeline, make_variation: MakeRequest, change: dict[str, object]
) -> None:
    first, second = (draw(pipeline, make_variation(**fields))[1] for fields in ({}, change))
    assert np.abs(first.astype(int) - second).max() > 10


def test_pictures_of_one_image_encode_it_once(
    pipeline: Pipeline, make_variation: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, encoded, encode = photo(), [], pipeline.checkpoint.movq.encode
    monkeypatch.setattr(pipeline.checkpoint.movq, "encode", lambda x: encoded.append(x) or encode(x))
    pipeline.start([make_variation(image=image) for image in (shared, shared, photo())])
    assert len(encoded) == 2


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"width": 128}, r"the image has shape \(64, 64, 3\), not \(64, 128, 3\)"),
        ({"strength": 0.0}, "strength must be above 0 and at most 1, not 0.0"),
        ({"strength": 1.1}, "strength must be above 0 and at most 1, not 1.1"),
    ],
)
def test_what_does_not_fit(make_variation: MakeRequest, fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_variation(**fields)


def test_inpainting_starts_from_no_image(tiny_family: Path, make_variation: MakeRequest) -> None:
    inpainting = Pipeline(load_checkpoint(tiny_family / "tiny-inpainting", CPU))
    with pytest.raises(ValueError, match="tiny-inpainting only draws on a canvas"):
        inpainting.start([make_variation(sampler="kandinsky")])
