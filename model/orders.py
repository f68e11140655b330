"""What the command line asks of a checkpoint that draws."""

import argparse
import sys
from collections.abc import Callable

from model.canvas import Canvas, extend, fit, fit_picture
from model.checkpoint import Checkpoint
from model.defaults import (
    MAX_SIDE,
    NO_GUIDANCE,
    STEPS,
    STRENGTH,
    guidance,
    largest,
    step_range,
)
from model.files import read_mask, read_picture
from model.language.loading import load_language_model
from model.language.pipeline import LanguagePipeline, beautify
from model.language.writing import BeautifyRequest
from model.options import InvalidOption
from model.pixels import Pixels
from model.request import Request
from model.schedule import Sampler, trajectory
from model.windows import window_size


def drawing_request(options: argparse.Namespace, checkpoint: Checkpoint) -> Request:
    """The picture that is asked for.

    Raises InvalidOption for what the checkpoint cannot do, and OSError for files that are no pictures.
    """
    sampler, side = _sampler(options, checkpoint), _side(options, checkpoint)
    steps, scale = _steps(options, checkpoint, sampler), _guidance(options, checkpoint, sampler)
    canvas, image = _canvas(options, checkpoint, side), _image(options, checkpoint, side)
    height, width = side, side
    if image is not None:
        height, width, _ = image.shape
    if canvas is not None:
        rows, columns = canvas.mask.shape
        height, width = window_size((rows, columns), checkpoint.size_multiple, *largest(side), side)
    return Request(
        prompt=_beautify(options, checkpoint) if options.beautify else options.prompt,
        negative_prompt=options.negative_prompt or "",
        width=width,
        height=height,
        num_steps=steps,
        sampler=sampler,
        seed=options.seed,
        guidance_scale=scale,
        canvas=canvas,
        image=image,
        strength=STRENGTH if options.strength is None else options.strength,
    )


def check_steps(num_steps: int, sampler: str, plan: Callable[[], object]) -> None:
    """Raises InvalidOption for a number of steps that cannot be planned with, or that Flash does not take."""
    if sampler == "flash" and num_steps != STEPS[sampler].default:
        raise InvalidOption(f"--steps {num_steps} is not {STEPS[sampler].default}, which flash always takes")
    try:
        plan()
    except ValueError as error:
        raise InvalidOption(f"--steps: {error}") from error


def check_sides(option: str, height: int, width: int) -> None:
    """Raises InvalidOption for a picture that is larger than any that is made of a smaller one."""
    if max(height, width) > MAX_SIDE:
        raise InvalidOption(f"{option} makes a picture of {width} x {height}, more than {MAX_SIDE} a side")


def _sampler(options: argparse.Namespace, checkpoint: Checkpoint) -> Sampler:
    sampler: Sampler = options.sampler or checkpoint.samplers[0]
    if sampler not in checkpoint.samplers:
        raise InvalidOption(f"--sampler {sampler} is none of {', '.join(checkpoint.samplers)}")
    return sampler


def _steps(options: argparse.Namespace, checkpoint: Checkpoint, sampler: Sampler) -> int:
    if options.steps is None:
        return step_range(sampler, inpaints=checkpoint.inpaints).default
    num_steps: int = options.steps
    check_steps(num_steps, sampler, lambda: trajectory(sampler, num_steps))
    return num_steps


def _guidance(options: argparse.Namespace, checkpoint: Checkpoint, sampler: Sampler) -> float:
    scale = guidance(sampler, inpaints=checkpoint.inpaints)
    if options.guidance_scale is not None:
        if sampler == "flash" and options.guidance_scale != NO_GUIDANCE:
            raise InvalidOption(f"--guidance-scale {options.guidance_scale:g}: flash takes no guidance")
        scale = options.guidance_scale
    if options.negative_prompt and scale <= NO_GUIDANCE:
        raise InvalidOption(f"--negative-prompt is wanted with guidance only, and its scale is {scale:g}")
    return scale


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
    check_sides("--extend", height, width)
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
