"""A picture from a prompt, without any service: `python -m model "a red apple" -o apple.png`."""

import argparse
import sys
from pathlib import Path

import torch
from PIL import Image
from rich.progress import track

from model.checkpoint import DEMO, load_checkpoint
from model.pipeline import Pipeline, Request
from model.weights import CheckpointError


def main() -> int:
    """Parses the command line, draws one picture and saves it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m model", description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("-o", "--output", type=Path, default=Path("picture.png"))
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--checkpoint", type=Path, default=DEMO)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, help="side in pixels; the checkpoint's own by default")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance-scale", type=float, default=3.0)
    parser.add_argument("--sampler", choices=("ddpm", "kandinsky", "flash"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    try:
        pipeline = Pipeline(load_checkpoint(options.checkpoint, torch.device(options.device)))
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    side = options.size or pipeline.checkpoint.default_side
    multiple = pipeline.checkpoint.size_multiple
    if side < multiple or side % multiple:
        parser.error(f"argument --size: {side} is not a positive multiple of {multiple}")
    request = Request(
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        width=side,
        height=side,
        num_steps=options.steps,
        sampler=options.sampler or pipeline.checkpoint.samplers[0],
        seed=options.seed,
        guidance_scale=options.guidance_scale,
    )
    [sample] = pipeline.start([request])
    for _ in track(range(len(sample.trajectory)), description=request.prompt):
        pipeline.step([sample])
    [pixels] = pipeline.decode([sample])
    Image.fromarray(pixels).save(options.output)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
