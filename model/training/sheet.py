"""A contact sheet of what a checkpoint draws: `python -m model.training.sheet -o sheet.png`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from model.checkpoint import DEMO, load_checkpoint
from model.pipeline import Pipeline, Pixels, Request

PROMPTS = (
    *("a red apple", "a cat", "a pizza on a blue background", "a penguin", "a rocket", "a key"),
    *("a banana", "a dog", "a strawberry on a yellow background", "a red car", "a house", "a guitar"),
    *("a robot", "an octopus", "a cactus", "a hamburger on a green background", "a lion", "a rose"),
    *("a soccer ball", "an airplane", "a snowman", "a frog on a pink background", "a crown", "a rainbow"),
)
#: Height of a caption below its picture, in pixels.
CAPTION = 16
BATCH = 12


def main() -> None:
    """Parses the command line and writes the sheet."""
    parser = argparse.ArgumentParser(prog="python -m model.training.sheet", description=__doc__)
    parser.add_argument("prompts", nargs="*", default=PROMPTS)
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.png"))
    parser.add_argument("--checkpoint", type=Path, default=DEMO)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance-scale", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--side", type=int, default=192, help="side of a picture on the sheet, in pixels")
    options = parser.parse_args()
    pipeline = Pipeline(load_checkpoint(options.checkpoint, torch.device(options.device)))
    pictures = draw(pipeline, options.prompts, options.steps, options.guidance_scale, options.seed)
    lay_out(pictures, options.prompts, options.columns, options.side).save(options.output)


def draw(
    pipeline: Pipeline, prompts: Sequence[str], steps: int, guidance_scale: float, seed: int
) -> list[Pixels]:
    """One picture for each prompt, the i-th from noise i of the seed."""
    checkpoint = pipeline.checkpoint
    side, sampler = checkpoint.default_side, checkpoint.samplers[0]
    requests = [
        Request(prompt, side, side, steps, sampler, seed, index, guidance_scale=guidance_scale)
        for index, prompt in enumerate(prompts)
    ]
    pictures: list[Pixels] = []
    for first in range(0, len(requests), BATCH):
        samples = pipeline.start(requests[first : first + BATCH])
        while not samples[0].is_done:
            pipeline.step(samples)
        pictures += pipeline.decode(samples)
    return pictures


def lay_out(pictures: Sequence[Pixels], prompts: Sequence[str], columns: int, side: int) -> Image.Image:
    """The pictures in rows, each over its prompt."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * side, rows * (side + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (pixels, prompt) in enumerate(zip(pictures, prompts, strict=True)):
        left, top = index % columns * side, index // columns * (side + CAPTION)
        sheet.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), (left, top))
        pen.text((left + 4, top + side + 2), prompt, fill="black")
    return sheet


if __name__ == "__main__":
    main()
