"""Whole pipelines whose networks take turns: each is on the device whenever it is evaluated."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model.canvas import Canvas
from model.checkpoint import load_checkpoint
from model.components import Loaded
from model.pipeline import Pipeline, Request
from model.placement import offload, parts
from model.profiles import PROFILES
from model.refining import RefinePipeline, RefineRequest
from model.residency import Residency, num_bytes
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest
from tests.model.conftest import MakeRequest

CPU = torch.device("cpu")
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
MASK = np.pad(np.ones((32, 32), np.float32), 16)


class Watch:
    """Asserts that every network is present when it is evaluated, and keeps their order."""

    def __init__(self, residency: Residency, networks: Sequence[nn.Module]) -> None:
        self.seen: list[nn.Module] = []
        for network in networks:
            for layer in network.modules():
                layer.register_forward_pre_hook(lambda *_, network=network: self._check(residency, network))

    def _check(self, residency: Residency, network: nn.Module) -> None:
        assert network in residency.present
        if not self.seen or self.seen[-1] is not network:
            self.seen.append(network)


def run(pipeline: Pipeline | UpscalePipeline | RefinePipeline, request: object) -> np.ndarray:
    """The picture of a request, with a preview on the way."""
    states = pipeline.start([request])  # type: ignore[list-item]
    while not states[0].is_done:
        pipeline.step(states)  # type: ignore[arg-type]
        pipeline.preview(states[0])  # type: ignore[arg-type]
    return pipeline.decode(states)[0]  # type: ignore[arg-type]


def cramped(checkpoint: object) -> tuple[Residency, Watch]:
    """Room for one network of a checkpoint at a time."""
    networks = [part.network for part in parts([checkpoint])]  # type: ignore[list-item]
    residency = Residency(CPU, max(map(num_bytes, networks)))
    for network in networks:
        residency.manage(network)
    return residency, Watch(residency, networks)


def test_text_to_image(tiny_checkpoint: Path, make_request: MakeRequest) -> None:
    expected = run(Pipeline(load_checkpoint(tiny_checkpoint, CPU)), make_request())
    checkpoint = load_checkpoint(tiny_checkpoint, CPU)
    _, watch = cramped(checkpoint)
    assert np.array_equal(run(Pipeline(checkpoint), make_request()), expected)
    unet, movq = checkpoint.unet, checkpoint.movq
    # The first preview needs the autoencoder, once.
    assert watch.seen == [checkpoint.prompts.network, unet, movq, unet, movq]


def test_image_to_image(tiny_checkpoint: Path, make_request: MakeRequest) -> None:
    request = make_request(image=PICTURE, strength=0.5)
    expected = run(Pipeline(load_checkpoint(tiny_checkpoint, CPU)), request)
    checkpoint = load_checkpoint(tiny_checkpoint, CPU)
    _, watch = cramped(checkpoint)
    assert np.array_equal(run(Pipeline(checkpoint), request), expected)
    assert watch.seen[-1] is checkpoint.movq


@pytest.mark.parametrize("side", [64, 128])
def test_inpainting_and_outpainting(tiny_family: Path, make_request: MakeRequest, side: int) -> None:
    around = (side - 64) // 2
    picture = np.pad(PICTURE, ((around, around), (around, around), (0, 0)))
    canvas = Canvas(picture, np.pad(MASK, around, constant_values=1))
    request = make_request(canvas=canvas, sampler="kandinsky", num_steps=2)
    expected = run(Pipeline(load_checkpoint(tiny_family / "tiny-inpainting", CPU)), request)
    checkpoint = load_checkpoint(tiny_family / "tiny-inpainting", CPU)
    cramped(checkpoint)
    assert np.array_equal(run(Pipeline(checkpoint), request), expected)


def test_super_resolution(tiny_family: Path) -> None:
    request = UpscaleRequest(PICTURE, seed=0)
    expected = run(UpscalePipeline(load_upscaler(tiny_family / "tiny-x2", CPU)), request)
    upscaler = load_upscaler(tiny_family / "tiny-x2", CPU)
    _, watch = cramped(upscaler)
    assert np.array_equal(run(UpscalePipeline(upscaler), request), expected)
    assert watch.seen == [upscaler.network]


def test_refining(tiny_family: Path) -> None:
    request = RefineRequest(PICTURE, seed=0, prompt="a red apple", num_steps=1)
    expected = run(RefinePipeline(Pipeline(load_checkpoint(tiny_family / "tiny-flash", CPU))), request)
    checkpoint = load_checkpoint(tiny_family / "tiny-flash", CPU)
    _, watch = cramped(checkpoint)
    assert np.array_equal(run(RefinePipeline(Pipeline(checkpoint)), request), expected)
    assert watch.seen[-1] is checkpoint.movq


def test_prompts_are_encoded_on_the_cpu(tiny_family: Path, make_request: MakeRequest) -> None:
    expected = run(Pipeline(load_checkpoint(tiny_family / "tiny", CPU)), make_request())
    checkpoint = load_checkpoint(tiny_family / "tiny", CPU, torch.float32, Loaded("cpu"))
    residency = Residency(CPU, 10**9)
    offload([checkpoint], PROFILES["offload-encoder-cpu"], residency)
    assert np.array_equal(run(Pipeline(checkpoint), make_request()), expected)
    assert set(residency.present) == {checkpoint.unet, checkpoint.movq}


def test_states_that_come_with_a_request_need_no_encoder(
    tiny_family: Path, make_request: MakeRequest
) -> None:
    whole = load_checkpoint(tiny_family / "tiny", CPU)
    with torch.inference_mode():
        [states] = whole.prompts.encode(["a red apple"])
    request: Request = make_request(states={"a red apple": states})
    checkpoint = load_checkpoint(tiny_family / "tiny", CPU, torch.float32, Loaded("none"))
    assert np.array_equal(run(Pipeline(checkpoint), request), run(Pipeline(whole), make_request()))
