"""The command line of `python -m model`: its options, and which of them go together."""

import argparse
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from model.defaults import GUIDANCE, INPAINTING_GUIDANCE, MAX_GUIDANCE, MAX_SIDE, NO_GUIDANCE

#: Devices that every network runs on.
DEVICES = ("cpu", "cuda")


class InvalidOption(ValueError):
    """An option that does not suit the others or the checkpoint; the message names it and the limit."""


def read_options(description: str | None) -> argparse.Namespace:
    """The options of this process's command line. Raises InvalidOption for some that do not go together."""
    options = _parser(description).parse_args()
    _check_together(options)
    _check_strength(options.strength)
    _check_guidance(options.guidance_scale)
    _check_extension(options.extend)
    return options


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model",
        description=description,
        usage="%(prog)s PROMPT [options]\n       %(prog)s --upscale PICTURE [options]",
    )
    parser.add_argument("prompt", nargs="?")
    parser.add_argument("-o", "--output", type=_picture_file, default=Path("picture.png"))
    parser.add_argument("--negative-prompt")
    parser.add_argument("--beautify", action="store_true", help="let a language model expand the prompt")
    parser.add_argument("--language-model", type=Path, help="a folder or .gguf file, SmolLM2 by default")
    parser.add_argument("--checkpoint", type=Path, help="by default the demonstration that can do it")
    parser.add_argument("--device", type=_device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, help="side in pixels; the checkpoint's own by default")
    parser.add_argument("--steps", type=int, help="the sampler's own by default; Flash takes 4")
    guidance = f"{GUIDANCE:g} by default, and {INPAINTING_GUIDANCE:g} on a picture"
    parser.add_argument("--guidance-scale", type=float, help=guidance)
    parser.add_argument("--sampler", help="the checkpoint's first by default")
    parser.add_argument("--seed", type=int, default=0)
    _add_pictures(parser.add_argument_group("pictures"))
    return parser


def _add_pictures(group: Any) -> None:
    group.add_argument("--image", type=Path, help="a picture to start from, or with the next to draw on")
    group.add_argument("--strength", type=float, help="share of the steps from an image, 0.3 by default")
    group.add_argument("--mask", type=Path, help="white where the image is drawn anew")
    group.add_argument("--extend", type=_margins, metavar="LEFT,RIGHT,TOP,BOTTOM", help="margins, in pixels")
    group.add_argument("--feather", type=_pixels, help="pixels over which drawn and given are blended")
    group.add_argument("--upscale", type=Path, metavar="PICTURE", help="a picture to make larger")
    group.add_argument("--refine", type=int, choices=(1, 2), help="steps of Flash after it is made larger")
    group.add_argument("--refiner", type=Path, help="the checkpoint of Flash for that")


def _check_together(options: argparse.Namespace) -> None:
    """An option that would not do anything is refused; what a checkpoint decides is left to later."""
    refines = options.refine is not None
    if options.upscale is None and options.prompt is None:
        raise InvalidOption("either a prompt or --upscale is wanted")
    if options.upscale and options.prompt is not None and not refines:
        raise InvalidOption("--upscale takes a prompt with --refine only")
    if options.mask and options.extend:
        raise InvalidOption("--mask and --extend are not wanted together")
    draws_on = options.mask or options.extend
    draws = not options.upscale, "not wanted with --upscale"
    wanted = {
        "image": draws,
        "negative_prompt": draws,
        "size": draws,
        "guidance_scale": draws,
        "sampler": draws,
        "mask": (options.image, "wanted with --image only"),
        "extend": (options.image, "wanted with --image only"),
        "strength": (options.image and not draws_on, "wanted with --image only, without --mask and --extend"),
        "feather": (draws_on, "wanted with --mask or --extend only"),
        "refine": (options.upscale, "wanted with --upscale only"),
        "refiner": (refines, "wanted with --refine only"),
        "beautify": (not options.upscale, "wanted with a prompt only, without --upscale"),
        "language_model": (options.beautify, "wanted with --beautify only"),
    }
    for name, (suits, says) in wanted.items():
        is_given = getattr(options, name) is not None and getattr(options, name) is not False
        if is_given and not suits:
            raise InvalidOption(f"--{name.replace('_', '-')} is {says}")


def _check_strength(strength: float | None) -> None:
    if strength is not None and not 0 < strength <= 1:
        raise InvalidOption(f"--strength {strength:g} is not above 0 and at most 1")


def _check_guidance(scale: float | None) -> None:
    if scale is not None and not NO_GUIDANCE <= scale <= MAX_GUIDANCE:
        raise InvalidOption(f"--guidance-scale {scale:g} is not from {NO_GUIDANCE:g} to {MAX_GUIDANCE:g}")


def _check_extension(margins: tuple[int, ...] | None) -> None:
    if margins is not None and not any(margins):
        raise InvalidOption("--extend 0,0,0,0 leaves nothing to be drawn")


def _margins(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if len(parts) != 4:
        raise argparse.ArgumentTypeError(f"{text} is not four numbers: left, right, top and bottom")
    return tuple(map(_pixels, parts))


def _pixels(text: str) -> int:
    if not text.strip().isdecimal() or int(text) > MAX_SIDE:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of pixels from 0 to {MAX_SIDE}")
    return int(text)


def _picture_file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is not a folder")
    if path.suffix.lower() not in Image.registered_extensions():
        raise argparse.ArgumentTypeError(f"{path} does not end as a picture does, for example with .png")
    return path


def _device(name: str) -> torch.device:
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(f"{name} is not available") from error
    if device.type not in DEVICES:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(DEVICES)}")
    return device
