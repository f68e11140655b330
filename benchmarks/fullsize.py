"""The published networks at their full size, with random weights: `python -m benchmarks.fullsize`.

Everything is resident at once on one GPU, in bf16: text encoder, MoVQ, the U-Nets of Kandinsky 3.0, 3.1 Flash
and inpainting, and one super-resolution U-Net. It measures memory, and how long encoding, a step and decoding
take at 512 and 1024 pixels, of pictures from noise, from an image and on a canvas. It needs 48 GB;
`--small --device cpu` tries it out on any machine.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import T5Config

from benchmarks.report import machine
from model.canvas import Canvas
from model.checkpoint import Checkpoint
from model.components import Components
from model.defaults import step_range
from model.movq import MoVQ, MoVQConfig
from model.pipeline import Pipeline, Request
from model.published import FLAN_UL2, UNETS
from model.schedule import Sampler
from model.superres import SuperResConfig, SuperResUNet
from model.t5 import build_encoder
from model.text_encoder import PromptEncoder, TextConditioner
from model.unet import UNet, UNetConfig
from model.upscaler import Upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest
from model.weights import Network, build

#: Spread of the random weights: small, so that nothing overflows.
SPREAD = 0.02
#: Tokens of the prompt.
NUM_TOKENS = 20
SAMPLERS: dict[str, tuple[Sampler, ...]] = {
    "kandinsky-3": ("kandinsky",),
    "kandinsky-3-flash": ("flash",),
    "kandinsky-3-inpainting": ("kandinsky",),
}


@dataclass(frozen=True)
class Sizes:
    """What is built, and the sides of the pictures that are measured."""

    unets: dict[str, UNetConfig]
    movq: MoVQConfig
    encoder: T5Config
    superres: SuperResConfig
    sides: tuple[int, ...]


FULL = Sizes(UNETS, MoVQConfig(), FLAN_UL2, SuperResConfig(), (512, 1024))
_NARROW = {
    "init_channels": 64,
    "block_out_channels": (64, 64, 64, 64),
    "time_embed_dim": 64,
    "context_dim": 64,
    "encoder_dim": 64,
    "head_dim": 32,
    "groups": 8,
}
SMALL = Sizes(
    {name: UNetConfig(in_channels=config.in_channels, **_NARROW) for name, config in UNETS.items()},  # type: ignore[arg-type]
    MoVQConfig(block_out_channels=(32, 32, 32, 32), layers_per_block=1),
    T5Config(d_model=64, d_ff=64, d_kv=16, num_heads=4, num_layers=2, feed_forward_proj="gated-silu"),
    SuperResConfig(block_out_channels=(32, 32, 32, 32), init_channels=32, time_embed_dim=32),
    (64, 128),
)


class Words:
    """Stands for a tokenizer: every text is as long."""

    def __call__(self, text: list[str], *, truncation: bool, max_length: int) -> dict[str, list[list[int]]]:
        return {"input_ids": [[*range(3, NUM_TOKENS + 2), 1] for _ in text]}


@dataclass(frozen=True)
class Row:
    """What one way of drawing took."""

    name: str
    side: int
    rows: int
    encode: float
    step: float
    decode: float


def main() -> None:
    """Builds everything, measures, and prints a table; also into a file if one is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fullsize", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="narrow networks, to try this out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="a Markdown file for the table")
    options = parser.parse_args()
    device, sizes = torch.device(options.device), SMALL if options.small else FULL
    pipelines, upscaler = load(sizes, device)
    resident = _allocated(device)
    rows = [row for name in pipelines for row in measure(pipelines[name], sizes.sides, options.rounds)]
    rows += [measure_upscaler(upscaler, sizes.sides[-1] // 4, options.rounds)]
    text = table(rows, resident, _peak(device), device)
    print(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")


def load(sizes: Sizes, device: torch.device) -> tuple[dict[str, Pipeline], UpscalePipeline]:
    """The pipelines of all models, which share text encoder and MoVQ."""
    movq = random(partial(MoVQ, sizes.movq), device)
    encoder = PromptEncoder(Words(), random(partial(build_encoder, sizes.encoder), device))
    components = Components(movq, encoder)
    pipelines = {}
    for name, config in sizes.unets.items():
        unet = random(partial(UNet, config), device)
        conditioner = TextConditioner(unet.encoder_hid_proj)
        checkpoint = Checkpoint(name, unet, components, conditioner, SAMPLERS[name], sizes.sides[-1])
        pipelines[name] = Pipeline(checkpoint)
    network = random(partial(SuperResUNet, sizes.superres), device)
    return pipelines, UpscalePipeline(Upscaler("kandisuperres-x4", network, 4, "dpmsolver++"))


def random(make: Callable[[], Network], device: torch.device) -> Network:
    """A network with random weights, in bf16, which a CPU is too slow for."""
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    network = build(make).to(dtype).to_empty(device=device)
    for weight in network.parameters():
        nn.init.normal_(weight, std=SPREAD)
    return network


def measure(pipeline: Pipeline, sides: Sequence[int], num_rounds: int) -> list[Row]:
    """A picture alone, and two in one batch, at every size, in every way that a checkpoint draws."""
    return [
        _measure(pipeline, name, [replace(request, seed=seed) for seed in range(count)], num_rounds)
        for side in sides
        for name, request in _requests(pipeline.checkpoint, side).items()
        for count in (1, 2)
    ]


def _requests(checkpoint: Checkpoint, side: int) -> dict[str, Request]:
    """What is measured of a checkpoint, by name."""
    sampler = checkpoint.samplers[0]
    num_steps = step_range(sampler, inpaints=checkpoint.inpaints).default
    request = Request("a red apple", side, side, num_steps, sampler, seed=0)
    if checkpoint.inpaints:
        return {checkpoint.name: replace(request, canvas=_canvas(side))}
    image = np.zeros((side, side, 3), np.uint8)
    return {checkpoint.name: request, f"{checkpoint.name}, from an image": replace(request, image=image)}


def _measure(pipeline: Pipeline, name: str, requests: Sequence[Request], num_rounds: int) -> Row:
    encode, step, decode = _times(pipeline, requests, num_rounds)
    rows = sum(2 if request.is_guided else 1 for request in requests)
    return Row(name, requests[0].width, rows, encode, step, decode)


def measure_upscaler(pipeline: UpscalePipeline, side: int, num_rounds: int) -> Row:
    """A picture of `side` x `side` made four times as large; to decode it is to round it."""
    request = UpscaleRequest(np.zeros((side, side, 3), np.uint8), seed=1)
    encode, step, decode = _times(pipeline, [request], num_rounds)
    return Row(pipeline.checkpoint.name, 4 * side, len(pipeline.windows(request)), encode, step, decode)


def _times(pipeline: Any, requests: Sequence[Any], num_rounds: int) -> tuple[float, float, float]:
    """Seconds to start requests, to take them a step on and to decode them, by any kind of pipeline."""
    device = pipeline.checkpoint.device
    encode = _seconds(lambda: pipeline.start(requests), device, num_rounds)
    states = pipeline.start(requests)
    pipeline.step(states)

    def take_second_step() -> None:
        for state in states:
            state.num_done = 1
        pipeline.step(states)

    step = _seconds(take_second_step, device, num_rounds)
    return encode, step, _seconds(lambda: pipeline.decode(states), device, num_rounds)


def table(rows: Sequence[Row], resident: float, peak: float, device: torch.device) -> str:
    """The figures in Markdown."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else machine()
    lines = [
        f"{name}, PyTorch {torch.__version__}, random weights. "
        f"Resident: {resident:.1f} GB; at most: {peak:.1f} GB.",
        "",
        "| model | picture | rows | encode ms | step ms | decode ms |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        times = " | ".join(f"{1000 * seconds:.1f}" for seconds in (row.encode, row.step, row.decode))
        lines.append(f"| {row.name} | {row.side} px | {row.rows} | {times} |")
    return "\n".join(lines) + "\n"


def _canvas(side: int) -> Canvas:
    mask = np.zeros((side, side), np.float32)
    mask[side // 4 : -side // 4, side // 4 : -side // 4] = 1
    return Canvas(np.zeros((side, side, 3), np.uint8), mask)


def _seconds(work: Callable[[], object], device: torch.device, num_rounds: int) -> float:
    """The median of some rounds after the first."""
    seconds = []
    for _ in range(num_rounds + 1):
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[1:]))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _allocated(device: torch.device) -> float:
    return torch.cuda.memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0


def _peak(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0


if __name__ == "__main__":
    main()
