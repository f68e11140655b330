from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from model.activations import (
    PROMPT_TOKENS,
    PROMPTS,
    PeakMemory,
    encoder_bytes,
    language_bytes,
    movq_bytes,
    peak_bytes,
    superres_bytes,
    unet_bytes,
)
from model.language.loading import load_language_model
from model.pipeline import Pipeline
from model.superres import SuperResUNet
from model.unet import TextFeatures
from model.weights import build
from tests.checkpoints import TINY, TINY_SUPERRES
from tests.language_models import write_language_model

MEGABYTE = 2**20


def measured(evaluate: Callable[[], object]) -> int:
    """The most bytes that torch itself held at a time on the CPU, by its profiler."""
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        evaluate()
    events = profiled.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = [
        event.nbytes() for event in sorted(events, key=lambda e: e.start_ns()) if event.name() == "[memory]"
    ]
    live = peak = 0
    for change in changes:
        live += change
        peak = max(peak, live)
    return peak


def test_peak_is_of_what_lives_at_a_time() -> None:
    def evaluate() -> Tensor:
        first = torch.empty(MEGABYTE, dtype=torch.uint8)
        second = torch.cat([first, first])  # 3 MB are alive
        del first
        return torch.cat([second, second])  # 6 MB

    assert peak_bytes(evaluate) == 6 * MEGABYTE


def test_weights_inputs_and_views_are_not_counted() -> None:
    layer = build(lambda: nn.Linear(64, 64, bias=False))
    x = torch.empty(8, 64, device="meta")
    with PeakMemory() as memory, torch.inference_mode():
        layer(x[:4].view(2, 2, 64))
    assert memory.peak == 4 * 64 * 4
    assert memory.live == 0


def test_unet_takes_what_was_counted(pipeline: Pipeline) -> None:
    unet = pipeline.checkpoint.unet
    text = unet.encode_text(pipeline.checkpoint.conditioner.condition_prompt(torch.zeros(128, 32)))
    rows = TextFeatures.collate([text, text])
    latents, timesteps = torch.zeros(2, 4, 64, 64), torch.zeros(2)
    counted = unet_bytes(TINY.unet, torch.float32, 64)
    assert counted == pytest.approx(measured(lambda: unet(latents, timesteps, rows)), rel=0.25)


def test_movq_takes_what_was_counted(pipeline: Pipeline) -> None:
    latents = torch.zeros(1, 4, 16, 16)
    counted = movq_bytes(TINY.movq, torch.float32, 128)
    assert counted == pytest.approx(measured(lambda: pipeline.checkpoint.movq.decode(latents)), rel=0.25)


def test_superres_takes_what_was_counted() -> None:
    config = replace(TINY_SUPERRES, init_channels=16, block_out_channels=(16, 16, 32))
    network, window = SuperResUNet(config).eval(), torch.zeros(1, 3, 256, 256)
    counted = superres_bytes(config, torch.float32, 256)
    taken = measured(lambda: network(window, torch.zeros(1), window))
    # On a CPU a transposed convolution makes two copies of its own.
    largest = 4 * config.init_channels * 256**2
    assert counted <= taken <= counted + 4 * largest


def test_encoder_takes_what_was_counted(pipeline: Pipeline) -> None:
    network = pipeline.checkpoint.prompts.network
    counted = encoder_bytes(network.config, torch.float32, 8)  # type: ignore[arg-type]
    tokens = torch.zeros(8, 128, dtype=torch.long)
    assert counted == pytest.approx(measured(lambda: network(input_ids=tokens)), rel=0.25)


def test_language_model_takes_what_was_counted(tmp_path: Path) -> None:
    model = load_language_model(write_language_model(tmp_path / "writer"), torch.device("cpu"))
    tokens = torch.zeros(PROMPTS, PROMPT_TOKENS, dtype=torch.long)
    mask = torch.ones(PROMPTS, 1, PROMPT_TOKENS, PROMPT_TOKENS, dtype=torch.bool)

    def read() -> object:
        return model.network(input_ids=tokens, position_ids=tokens, attention_mask=mask, logits_to_keep=1)

    counted = language_bytes(model.network.config, torch.float32)
    assert counted == pytest.approx(measured(read), rel=0.25)
