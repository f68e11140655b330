"""What the command line asks of a checkpoint that draws."""

import argparse
import sys
from collections.abc import Callable

from model.canvas import Canvas, extend, fit, fit_picture
from model.checkpoint import Checkpoint
from model.files import read_mask, read_picture
from model.language.loading import load_language_model
from model.language.pipeline import LanguagePipeline, beautify
from model.language.writing import BeautifyRequest
from model.options import MAX_SIDE, InvalidOption
from model.pixels import Pixels
from model.request import Request
from model.schedule import Sampler, trajectory
from model.windows import window_size

DEFAULT_STEPS, DEFAULT_STRENGTH = 25, 0.3
DEFAULT_GUIDANCE, INPAINTING_GUIDANCE = 3.0, 4.0


def drawing_request(options: argparse.Namespace, checkpoint: Checkpoint) -> Request:
    """The picture that is asked for.

    Raises InvalidOption for what the checkpoint cannot do, and OSError for files that are no pictures.
    """
    sampler, side = _sampler(options, checkpoint), _side(options, checkpoint)
    canvas, image = _canvas(options, checkpoint, side), _image(options, checkpoint, side)
    height, width = side, side
    if image is not None:
        height, width, _ = image.shape
    if canvas is not None:
        rows, columns = canvas.mask.shape
        limits = 2 * side, 2 * side * side
        height, width = window_size((rows, columns), checkpoint.size_multiple, *limits, side)
    guidance = INPAINTING_GUIDANCE if canvas is not None else DEFAULT_GUIDANCE
    return Request(
        prompt=_beautify(options, checkpoint) if options.beautify else options.prompt,
        negative_prompt=options.negative_prompt,
        width=width,
        height=height,
        num_steps=DEFAULT_STEPS if options.steps is None else options.steps,
        sampler=sampler,
        seed=options.seed,
        guidance_scale=guidance if options.guidance_scale is None else options.guidance_scale,
        canvas=canvas,
        image=image,
        strength=DEFAULT_STRENGTH if options.strength is None else options.strength,
    )


def check_steps(plan: Callable[[], object]) -> None:
    """Raises InvalidOption for a number of steps that cannot be planned with."""
    try:
        plan()
    except ValueError as error:
        raise InvalidOption(f"--steps: {error}") from error


def _sampler(options: argparse.Namespace, checkpoint: Checkpoint) -> Sampler:
    sampler: Sampler = options.sampler or checkpoint.samplers[0]
    if sampler not in checkpoint.samplers:
        raise InvalidOption(f"--sampler {sampler} is none of {', '.join(checkpoint.samplers)}")
    if options.steps is not None:
        check_steps(lambda: trajectory(sampler, options.steps))
    return sampler


def _side(options: argparse.Namespace, checkpoint: Checkpoint) -> int:
    side = checkpoint.default_side if options.size is None else options.size
    if side < checkpoint.size_multiple or side % checkpoint.size_multiple:
        raise InvalidOption(f"--size {side} is not a positive multiple of {checkpoint.size_multiple}")
    return side


def _canvas(options: argparse.Namespace, checkpoint: Checkpoint, side: int) -> Canvas | None:
    if checkpoint.inpaints != bool(options.mask or options.extend):
        wanted = "needs --image and" if checkpoint.inpaints else "takes no"
        raise InvalidOption(f"--checkpoint {checkpoint.name} {wanted} --mask or --extend")
    if options.mask:
        return _masked(options, checkpoint, side)
    return _extended(options) if options.extend else None


def _masked(options: argparse.Namespace, checkpoint: Checkpoint, side: int) -> Canvas:
    mask = read_mask(options.mask)
    if not mask.any():
        raise InvalidOption(f"--mask {options.mask} is black everywhere: there is nothing to be drawn")
    return fit(read_picture(options.image), mask, side * side, checkpoint.size_multiple)


def _extended(options: argparse.Namespace) -> Canvas:
    picture, feather = read_picture(options.image), options.feather or 0
    try:
        canvas = extend(picture, options.extend, overlap=feather)
    except ValueError as error:
        raise InvalidOption(f"--feather {feather}: {error}") from error
    height, width = canvas.mask.shape
    if max(height, width) > MAX_SIDE:
        raise InvalidOption(f"--extend makes a picture of {width} x {height}, more than {MAX_SIDE} a side")
    return canvas


def _image(options: argparse.Namespace, checkpoint: Checkpoint, side: int) -> Pixels | None:
    if not options.image or options.mask or options.extend:
        return None
    return fit_picture(read_picture(options.image), side * side, checkpoint.size_multiple)


def _beautify(options: argparse.Namespace, checkpoint: Checkpoint) -> str:
    """The prompt as a language model expands it, or as it is, after saying why."""
    prompts = checkpoint.prompts
    try:
        request = BeautifyRequest(options.prompt, options.seed)
    except ValueError as error:
        raise InvalidOption(f"--beautify: {error}") from error
    model = load_language_model(options.language_model, options.device)
    pipeline = LanguagePipeline(model, prompts.count_tokens, prompts.max_tokens)
    [beautified] = beautify(pipeline, [request])
    if beautified.fallback:
        print(f"note: {beautified.fallback}", file=sys.stderr)
    return beautified.text
