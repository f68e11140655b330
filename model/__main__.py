"""A picture without any service.

`python -m model "a red apple" -o apple.png` draws one; with `--image photo.png --mask mask.png` it draws anew
what is white in the mask. `python -m model --upscale photo.png -o large.png` makes one larger.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.progress import track

from model.canvas import Canvas, read_canvas
from model.checkpoint import DEMO, FAMILY, Checkpoint, load_checkpoint
from model.pasting import paste_back
from model.pipeline import Pipeline, Request
from model.pixels import Pixels
from model.schedule import trajectory
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest
from model.weights import CheckpointError

INPAINTING = FAMILY / "kandinsky-3-inpainting-demo"
SUPERRES = FAMILY / "kandisuperres-x4-demo"


class InvalidOption(ValueError):
    """An option that does not suit the others or the checkpoint; the message names it and the limit."""


def main() -> int:
    """Parses the command line, makes one picture and saves it; returns the exit code."""
    options = _parser().parse_args()
    try:
        _check_together(options)
        picture = _upscale(options) if options.upscale else _draw(options)
        Image.fromarray(picture).save(options.output)
    except (CheckpointError, Image.DecompressionBombError, InvalidOption, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(options.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model",
        description=__doc__,
        usage="%(prog)s PROMPT [options]\n       %(prog)s --upscale PICTURE [options]",
    )
    parser.add_argument("prompt", nargs="?")
    parser.add_argument("--image", type=Path, help="a picture to draw on")
    parser.add_argument("--mask", type=Path, help="white where it is drawn anew")
    parser.add_argument("--upscale", type=Path, metavar="PICTURE", help="a picture to make larger")
    parser.add_argument("-o", "--output", type=_picture_file, default=Path("picture.png"))
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--checkpoint", type=Path, help="by default the demonstration that can do it")
    parser.add_argument("--device", type=_device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, help="side in pixels; the checkpoint's own by default")
    parser.add_argument("--steps", type=int, help="25 by default, and 5 to make a picture larger")
    parser.add_argument("--guidance-scale", type=float, help="3 by default, and 4 on a picture")
    parser.add_argument("--sampler", help="the checkpoint's first by default")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _check_together(options: argparse.Namespace) -> None:
    if (options.prompt is None) == (options.upscale is None):
        raise InvalidOption("either a prompt or --upscale is wanted")
    if options.upscale and (options.image or options.mask):
        raise InvalidOption("--upscale takes no --image and --mask")
    if (options.image is None) != (options.mask is None):
        raise InvalidOption("--image and --mask are wanted together")


def _draw(options: argparse.Namespace) -> Pixels:
    default = INPAINTING if options.image else DEMO
    pipeline = Pipeline(load_checkpoint(options.checkpoint or default, options.device))
    request = _request(options, pipeline.checkpoint)
    [sample] = pipeline.start([request])
    for _ in track(range(len(sample.trajectory)), description=request.prompt):
        pipeline.step([sample])
    [drawn] = pipeline.decode([sample])
    canvas = request.canvas
    return drawn if canvas is None else paste_back(drawn, canvas.picture, canvas.mask)


def _request(options: argparse.Namespace, checkpoint: Checkpoint) -> Request:
    sampler = options.sampler or checkpoint.samplers[0]
    if sampler not in checkpoint.samplers:
        raise InvalidOption(f"--sampler {sampler} is none of {', '.join(checkpoint.samplers)}")
    steps = 25 if options.steps is None else options.steps
    _check_steps(lambda: trajectory(sampler, steps))
    side, canvas = _side(options, checkpoint), _canvas(options, checkpoint)
    height, width = (side, side) if canvas is None else canvas.mask.shape
    return Request(
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        width=width,
        height=height,
        num_steps=steps,
        sampler=sampler,
        seed=options.seed,
        guidance_scale=_guidance(options),
        canvas=canvas,
    )


def _side(options: argparse.Namespace, checkpoint: Checkpoint) -> int:
    side = checkpoint.default_side if options.size is None else options.size
    if side < checkpoint.size_multiple or side % checkpoint.size_multiple:
        raise InvalidOption(f"--size {side} is not a positive multiple of {checkpoint.size_multiple}")
    return side


def _guidance(options: argparse.Namespace) -> float:
    if options.guidance_scale is not None:
        return options.guidance_scale
    return 4.0 if options.image else 3.0


def _canvas(options: argparse.Namespace, checkpoint: Checkpoint) -> Canvas | None:
    if checkpoint.inpaints != bool(options.image):
        wanted = "needs" if checkpoint.inpaints else "takes no"
        raise InvalidOption(f"--checkpoint {checkpoint.name} {wanted} --image and --mask")
    if not options.image:
        return None
    side = _side(options, checkpoint)
    return read_canvas(options.image, options.mask, side * side, checkpoint.size_multiple)


def _upscale(options: argparse.Namespace) -> Pixels:
    with Image.open(options.upscale) as opened:
        picture = np.asarray(opened.convert("RGB"))
    steps = 5 if options.steps is None else options.steps
    pipeline = UpscalePipeline(load_upscaler(options.checkpoint or SUPERRES, options.device))
    request = UpscaleRequest(picture, options.seed, num_steps=steps)
    _check_steps(lambda: pipeline.plan(request))
    [upscaling] = pipeline.start([request])
    for _ in track(upscaling.steps, description=str(options.upscale)):
        pipeline.step([upscaling])
    [enlarged] = pipeline.decode([upscaling])
    return enlarged


def _check_steps(plan: Callable[[], object]) -> None:
    try:
        plan()
    except ValueError as error:
        raise InvalidOption(f"--steps: {error}") from error


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
