"""A picture from a prompt, without any service: `python -m model "a red apple" -o apple.png`."""

import argparse
import sys
from pathlib import Path

import torch
from PIL import Image
from rich.progress import track

from model.checkpoint import DEMO, Checkpoint, load_checkpoint
from model.pipeline import Pipeline, Pixels, Request
from model.schedule import trajectory
from model.weights import CheckpointError


class InvalidOption(ValueError):
    """An option that does not suit the checkpoint; the message names option, value and limit."""


def main() -> int:
    """Parses the command line, draws one picture and saves it; returns the exit code."""
    options = _parser().parse_args()
    try:
        pipeline = Pipeline(load_checkpoint(options.checkpoint, options.device))
        picture = _draw(pipeline, _request(options, pipeline.checkpoint))
        Image.fromarray(picture).save(options.output)
    except (CheckpointError, InvalidOption, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(options.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model", description=__doc__, usage="%(prog)s PROMPT [options]"
    )
    parser.add_argument("prompt")
    parser.add_argument("-o", "--output", type=_picture_file, default=Path("picture.png"))
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--checkpoint", type=Path, default=DEMO)
    parser.add_argument("--device", type=_device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, help="side in pixels; the checkpoint's own by default")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance-scale", type=float, help="3 by default, none for Flash")
    parser.add_argument("--sampler", help="the checkpoint's first by default")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _request(options: argparse.Namespace, checkpoint: Checkpoint) -> Request:
    side = checkpoint.default_side if options.size is None else options.size
    sampler = options.sampler or checkpoint.samplers[0]
    scale = options.guidance_scale
    if side < checkpoint.size_multiple or side % checkpoint.size_multiple:
        raise InvalidOption(f"--size {side} is not a positive multiple of {checkpoint.size_multiple}")
    if sampler not in checkpoint.samplers:
        raise InvalidOption(f"--sampler {sampler} is none of {', '.join(checkpoint.samplers)}")
    if scale is None:
        scale = 0.0 if sampler == "flash" else 3.0
    try:
        trajectory(sampler, options.steps)
    except ValueError as error:
        raise InvalidOption(f"--steps: {error}") from error
    return Request(
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        width=side,
        height=side,
        num_steps=options.steps,
        sampler=sampler,
        seed=options.seed,
        guidance_scale=scale,
    )


def _draw(pipeline: Pipeline, request: Request) -> Pixels:
    [sample] = pipeline.start([request])
    for _ in track(range(len(sample.trajectory)), description=request.prompt):
        pipeline.step([sample])
    [pixels] = pipeline.decode([sample])
    return pixels


def _picture_file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is not a folder")
    if path.suffix.lower() not in Image.registered_extensions():
        raise argparse.ArgumentTypeError(f"{path} does not end as a picture does, for example with .png")
    return path


def _device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(f"{name} is not available") from error


if __name__ == "__main__":
    sys.exit(main())
