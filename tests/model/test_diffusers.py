"""End to end against diffusers: the same checkpoint and the same noise give the same picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import Kandinsky3Pipeline
from diffusers.schedulers import scheduling_ddpm

from model.checkpoint import DEMO, load_checkpoint
from model.pipeline import Denoising, Pipeline, Request
from model.schedule import draw_noise
from tests.model.conftest import CPU, MakeRequest

LONG = "a pizza with many things on it"


@pytest.fixture(scope="module", params=["tiny", *(["demo"] if DEMO.exists() else [])])
def folder(request: pytest.FixtureRequest, tiny_checkpoint: Path) -> Path:
    return DEMO if request.param == "demo" else tiny_checkpoint


@pytest.fixture(scope="module")
def ours(folder: Path) -> Pipeline:
    return Pipeline(load_checkpoint(folder, CPU))


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Kandinsky3Pipeline:
    pipeline = Kandinsky3Pipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw_with_diffusers(
    pipeline: Kandinsky3Pipeline, sample: Denoising, noises: list[torch.Tensor]
) -> np.ndarray:
    """Their picture from our first latent and our noise of each step, in 0..255."""
    request, draws = sample.request, iter(noises)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduling_ddpm, "randn_tensor", lambda *_, **__: next(draws))
        result = pipeline(
            request.prompt,
            negative_prompt=request.negative_prompt or None,
            num_inference_steps=request.num_steps,
            guidance_scale=request.guidance_scale,
            width=request.width,
            height=request.height,
            latents=sample.latent.clone(),
            output_type="np",
        )
    return 255 * result.images[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"guidance_scale": 0.0},
        {"guidance_scale": 3.0},
        {"guidance_scale": 2.0, "negative_prompt": "a dog"},
        {"guidance_scale": 5.0, "negative_prompt": LONG},
        {"prompt": LONG, "negative_prompt": "a dog", "width": 128, "num_steps": 10},
        {"prompt": ""},
    ],
    ids=str,
)
def test_same_picture(
    ours: Pipeline, theirs: Kandinsky3Pipeline, make_request: MakeRequest, fields: dict[str, object]
) -> None:
    request: Request = make_request(**fields)
    [sample] = ours.start([request])
    shape = tuple(sample.latent.shape)
    noises = [draw_noise(request.seed, 0, step + 2, shape) for step in range(request.num_steps)]
    expected = draw_with_diffusers(theirs, sample, noises)
    while not sample.is_done:
        ours.step([sample])
    [pixels] = ours.decode([sample])
    assert expected.std() > 30
    assert np.abs(pixels - expected).max() <= 2
