"""A picture without any service.

`python -m model "a red apple" -o apple.png` draws one. With `--image photo.png` it starts from a photo; with
`--mask mask.png` besides it draws anew what is white in the mask, and with `--extend 0,64,0,0` a margin of so
many pixels at its right. `python -m model --upscale photo.png -o large.png` makes one larger.
"""

import argparse
import sys
from typing import Any

from PIL import Image
from rich.progress import track

from model.checkpoint import DEMO, FAMILY, load_checkpoint
from model.defaults import STEPS
from model.files import read_picture
from model.options import InvalidOption, read_options
from model.orders import check_sides, check_steps, drawing_request
from model.pasting import paste_back
from model.pipeline import Pipeline
from model.pixels import Pixels
from model.refining import RefinePipeline, RefineRequest
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest
from model.weights import CheckpointError

INPAINTING = FAMILY / "kandinsky-3-inpainting-demo"
FLASH = FAMILY / "kandinsky-3-flash-demo"
SUPERRES = FAMILY / "kandisuperres-x4-demo"


def main() -> int:
    """Parses the command line, makes one picture and saves it; returns the exit code."""
    try:
        options = read_options(__doc__)
        picture = _upscale(options) if options.upscale else _draw(options)
        Image.fromarray(picture).save(options.output)
    except (CheckpointError, Image.DecompressionBombError, InvalidOption, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(options.output)
    return 0


def _draw(options: argparse.Namespace) -> Pixels:
    default = INPAINTING if options.mask or options.extend else DEMO
    pipeline = Pipeline(load_checkpoint(options.checkpoint or default, options.device))
    request = drawing_request(options, pipeline.checkpoint)
    drawn = _follow(pipeline, request, pipeline.num_steps(request), request.prompt)
    canvas = request.canvas
    return drawn if canvas is None else paste_back(drawn, canvas.picture, canvas.mask, options.feather or 0)


def _upscale(options: argparse.Namespace) -> Pixels:
    picture = read_picture(options.upscale)
    upscaler = load_upscaler(options.checkpoint or SUPERRES, options.device)
    steps = STEPS[upscaler.sampler].default if options.steps is None else options.steps
    pipeline, request = UpscalePipeline(upscaler), UpscaleRequest(picture, options.seed, num_steps=steps)
    check_sides("--upscale", *(upscaler.scale * side for side in request.size))
    check_steps(steps, upscaler.sampler, lambda: pipeline.plan(request))
    enlarged = _follow(pipeline, request, len(pipeline.plan(request).steps), str(options.upscale))
    return enlarged if options.refine is None else _refine(options, enlarged)


def _refine(options: argparse.Namespace, picture: Pixels) -> Pixels:
    checkpoint = load_checkpoint(options.refiner or FLASH, options.device)
    try:
        pipeline = RefinePipeline(Pipeline(checkpoint))
    except ValueError as error:
        raise InvalidOption(f"--refiner: {error}") from error
    request = RefineRequest(picture, options.seed, options.prompt or "", num_steps=options.refine)
    return _follow(pipeline, request, options.refine, "refining")


def _follow(pipeline: Any, request: Any, num_steps: int, description: str) -> Pixels:
    """What a pipeline makes of a request, while the steps are shown as they are taken."""
    [state] = pipeline.start([request])
    for _ in track(range(num_steps), description=description):
        pipeline.step([state])
    pixels: Pixels
    [pixels] = pipeline.decode([state])
    return pixels


if __name__ == "__main__":
    sys.exit(main())
