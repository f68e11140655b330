"""Does company change a picture? `python -m benchmarks.invariance` draws each of eight requests three times.

Alone; in a batch of all eight, whose steps, samplers, prompts, lengths and guidance all differ; and joining
one after the other while the first are under way. Exits with 1 when a picture differs by more than rounding.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from benchmarks.report import machine
from model.checkpoint import DEMO, load_checkpoint
from model.pipeline import Denoising, Pipeline, Request
from model.pixels import Pixels

#: Largest difference that rounding to bytes may make, in 0..255.
LIMIT = 1


def main() -> int:
    """Prints a line for each request; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.invariance", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=DEMO)
    options = parser.parse_args()
    pipeline = Pipeline(load_checkpoint(options.checkpoint, torch.device("cpu")))
    requests = mixed_requests(pipeline.checkpoint.default_side)
    alone = [draw(pipeline, [request], every=0)[0] for request in requests]
    together = draw(pipeline, requests, every=0)
    joining = draw(pipeline, requests, every=3)
    console = Console(width=110, highlight=False)
    console.print("largest difference of a pixel from the picture drawn alone, in 0..255")
    console.print(machine(torch.get_num_threads()))
    worst = 0
    for request, *pictures in zip(requests, alone, together, joining, strict=True):
        batch, joined = (difference(pictures[0], other) for other in pictures[1:])
        worst = max(worst, batch, joined)
        console.print(
            f"in a batch {batch}, joining midway {joined}: {request.sampler}, {request.num_steps} steps, "
            f"guidance {request.guidance_scale}, {request.prompt[:40]!r}"
        )
    return 0 if worst <= LIMIT else 1


def mixed_requests(side: int) -> list[Request]:
    """Eight requests with nothing in common but the size."""
    first = Request("a red apple", side, side, 20, "ddpm", seed=1)
    return [
        first,
        replace(first, prompt="a cat", num_steps=12, seed=2, guidance_scale=1),
        replace(first, prompt="a pizza on a blue background", sampler="kandinsky", num_steps=25, seed=3),
        replace(first, prompt="a small rocket on the left, yellow background", guidance_scale=5, seed=4),
        replace(first, prompt="penguin", negative_prompt="a red background", num_steps=8, seed=5),
        replace(
            first, prompt="a key, 3d style", sampler="kandinsky", num_steps=10, guidance_scale=1.5, seed=6
        ),
        replace(first, index=1),
        replace(first, prompt="a banana " * 40, num_steps=15, seed=7),
    ]


def draw(pipeline: Pipeline, requests: Sequence[Request], every: int) -> list[Pixels]:
    """Pictures of the requests; one joins the running batch after each `every` steps, or all at once at 0."""
    samples: list[Denoising] = []
    waiting = list(requests)
    num_steps = 0
    while waiting or not all(sample.is_done for sample in samples):
        if waiting and (not every or num_steps % every == 0):
            joining = waiting[: 1 if every else None]
            samples += pipeline.start(joining)
            del waiting[: len(joining)]
        pipeline.step([sample for sample in samples if not sample.is_done])
        num_steps += 1
    return pipeline.decode(samples)


def difference(one: Pixels, other: Pixels) -> int:
    """The largest difference of a channel, in 0..255."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


if __name__ == "__main__":
    sys.exit(main())
