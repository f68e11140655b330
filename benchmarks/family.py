"""Seconds for one picture of each checkpoint, alone: `python -m benchmarks.family`.

Those that draw take their default size and sampler; those that enlarge are given a picture of 128 x 128.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from model.canvas import Canvas
from model.checkpoint import FAMILY, Checkpoint
from model.family import find_checkpoints, load_pipeline
from model.pipeline import Pipeline, Request
from model.upscaling import UpscalePipeline, UpscaleRequest

SIDE = 128


def main() -> None:
    """Measures each checkpoint several times, and prints the best."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.family", description=__doc__)
    parser.add_argument("--checkpoints", type=Path, default=FAMILY)
    parser.add_argument("--steps", type=int, default=20, help="of those that draw, but Flash")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table = Table(title=machine(options.threads), title_justify="left")
    for column in ("checkpoint", "makes", "steps", "seconds"):
        table.add_column(column)
    for found in find_checkpoints(options.checkpoints):
        pipeline = load_pipeline(found, torch.device("cpu"), torch.float32)
        draw = (
            _enlarging(pipeline)
            if isinstance(pipeline, UpscalePipeline)
            else _drawing(pipeline, options.steps)
        )
        table.add_row(pipeline.checkpoint.name, *measure(draw, options.rounds))
    Console(width=110).print(table)


def measure(draw: Callable[[], tuple[int, str]], num_rounds: int) -> tuple[str, str, str]:
    """What a draw makes, in how many steps, and the seconds of the fastest but the first."""
    seconds = []
    for _ in range(num_rounds + 1):
        began = time.perf_counter()
        num_steps, size = draw()
        seconds.append(time.perf_counter() - began)
    return size, str(num_steps), f"{min(seconds[1:]):.2f}"


def _drawing(pipeline: Pipeline, num_steps: int) -> Callable[[], tuple[int, str]]:
    checkpoint = pipeline.checkpoint
    side = checkpoint.default_side
    request = Request(
        "a red apple", side, side, num_steps, checkpoint.samplers[0], seed=1, canvas=_canvas(checkpoint)
    )

    def draw() -> tuple[int, str]:
        [sample] = pipeline.start([request])
        while not sample.is_done:
            pipeline.step([sample])
        [pixels] = pipeline.decode([sample])
        return sample.num_done, _size(pixels.shape)

    return draw


def _enlarging(pipeline: UpscalePipeline) -> Callable[[], tuple[int, str]]:
    request = UpscaleRequest(np.zeros((SIDE, SIDE, 3), np.uint8), seed=1)

    def draw() -> tuple[int, str]:
        [upscaling] = pipeline.start([request])
        while not upscaling.is_done:
            pipeline.step([upscaling])
        [pixels] = pipeline.decode([upscaling])
        return upscaling.num_done, _size(pixels.shape)

    return draw


def _canvas(checkpoint: Checkpoint) -> Canvas | None:
    """For inpainting, a picture of which the middle is drawn anew."""
    if not checkpoint.inpaints:
        return None
    side = checkpoint.default_side
    mask = np.zeros((side, side), np.float32)
    mask[side // 4 : -side // 4, side // 4 : -side // 4] = 1
    return Canvas(np.zeros((side, side, 3), np.uint8), mask)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"


if __name__ == "__main__":
    main()
