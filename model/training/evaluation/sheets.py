"""Contact sheets of what a set of weights makes."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from model.pixels import Pixels
from model.training.compositions import Frame
from model.training.evaluation.bench import Bench, load_objects
from model.training.evaluation.enlarging import NAMES, SCALES, draw_truth, enlarge, enlarge_bicubic, shrink
from model.training.evaluation.inpainting import draw_task
from model.training.evaluation.prompts import FEW_STEPS, SEED, ask, name
from model.training.evaluation.scenes import draw_pairs
from model.training.evaluation.weights import Weights
from model.training.export import BASE, FLASH, INPAINTING
from model.training.run import write_atomically

PROMPTS = (
    *("a red apple", "a cat", "a pizza on a blue background", "a penguin", "a rocket", "a key"),
    *("a banana", "a dog", "a strawberry on a yellow background", "a red car", "a house", "a guitar"),
    *("a robot", "an octopus", "a cactus", "a hamburger on a green background", "a lion", "a rose"),
    *("a soccer ball", "an airplane", "a snowman", "a frog on a pink background", "a crown", "a rainbow"),
)
RUSSIAN_PROMPTS = (
    *("яблоко", "кошка", "собака", "пицца на синем фоне", "пингвин", "ракета"),
    *("ключ", "клубника на желтом фоне", "робот", "гамбургер на зеленом фоне", "лев", "роза"),
)
NUM_PAIRS, NUM_INPAINTED, NUM_ENLARGED = 8, 6, 3
#: Least side of a picture on a sheet, in pixels.
SIDE = 128
#: Height in pixels of the letters below it, of their lines and of all their lines; width of a letter, about.
LETTER, LINE, CAPTION, ADVANCE = 10, 12, 26, 5.5
#: Size of a sheet that is not to be surpassed, in bytes. Colours are rounded to multiples of the first
#: of STEPS that makes it so small; white stays white.
MAX_BYTES = 300_000
STEPS = (1, 3, 5, 15)
HOLE = np.uint8(128)


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows, each over its words."""

    kind: str
    pictures: Iterable[Pixels]
    words: Sequence[str]
    num_columns: int


def write_sheets(weights: Weights, bench: Bench, folder: Path) -> list[Path]:
    """Writes a PNG for each kind of picture that the weights can make; returns where they are."""
    paths = []
    for sheet in _sheets(weights, bench):
        path = folder / f"{weights.name}-{sheet.kind}.png"
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, to_png(lay_out(sheet)))
        paths.append(path)
    return paths


def lay_out(sheet: Sheet) -> Image.Image:
    """The sheet as one picture."""
    enlarged = [_enlarge(Image.fromarray(picture)) for picture in sheet.pictures]
    width, height = enlarged[0].size
    num_rows = -(-len(enlarged) // sheet.num_columns)
    canvas = Image.new("RGB", (sheet.num_columns * width, num_rows * (height + CAPTION)), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(LETTER)
    for index, (picture, words) in enumerate(zip(enlarged, sheet.words, strict=True)):
        row, column = divmod(index, sheet.num_columns)
        left, top = column * width, row * (height + CAPTION)
        canvas.paste(picture, (left, top))
        for number, line in enumerate(wrap(words, int(width / ADVANCE))):
            pen.text((left + 2, top + height + number * LINE), line, fill="black", font=font)
    return canvas


def _enlarge(picture: Image.Image) -> Image.Image:
    """The picture, a whole number of times as large, so that both sides have at least 128 px."""
    scale = -(-SIDE // min(picture.size))
    return picture.resize((scale * picture.width, scale * picture.height), Image.Resampling.BICUBIC)


def to_png(sheet: Image.Image) -> bytes:
    """The sheet as PNG, of fewer colours where it would be too large."""
    for step in STEPS:
        content = io.BytesIO()
        sheet.point(lambda value, step=step: round(value / step) * step).save(content, "png")
        if content.tell() <= MAX_BYTES:
            break
    return content.getvalue()


def _sheets(weights: Weights, bench: Bench) -> Iterator[Sheet]:
    base, flash = weights.drawing(BASE), weights.drawing(FLASH)
    if base:
        yield Sheet("base", bench.draw(base, ask(base, PROMPTS, bench.num_steps)), PROMPTS, 8)
        russian = bench.draw(base, ask(base, RUSSIAN_PROMPTS, bench.num_steps))
        yield Sheet("russian", russian, RUSSIAN_PROMPTS, 6)
        side = base.checkpoint.default_side
        pairs = draw_pairs(load_objects(), NUM_PAIRS, SEED)
        prompts = [f"{name(left)} to the left of {name(right)}" for left, right in pairs]
        wide = bench.draw(base, ask(base, prompts, bench.num_steps, Frame(2 * side, side)))
        yield Sheet("pairs", wide, prompts, 4)
    if flash:
        yield Sheet("flash", bench.draw(flash, ask(flash, PROMPTS, FEW_STEPS)), PROMPTS, 8)
    yield from _inpainting(weights, bench)
    yield from _enlarging(weights, bench)


def _inpainting(weights: Weights, bench: Bench) -> Iterator[Sheet]:
    if not (pipeline := weights.drawing(INPAINTING)):
        return
    task = draw_task(pipeline.checkpoint.default_side, NUM_INPAINTED)
    holes = np.where(task.masks[..., None] > 0, HOLE, task.pictures)
    drawn = bench.draw(pipeline, task.requests(pipeline, bench.num_steps))
    words = [word for prompt in task.prompts for word in ("picture", "hole", prompt)]
    yield Sheet("inpainting", _interleave(task.pictures, holes, drawn), words, 6)


def _enlarging(weights: Weights, bench: Bench) -> Iterator[Sheet]:
    truth = draw_truth(NUM_ENLARGED)
    for model, words in NAMES.items():
        if pipeline := weights.upscaling(model):
            small = shrink(truth, SCALES[model])
            bicubic, ours = enlarge_bicubic(small, SCALES[model]), enlarge(pipeline, bench, small)
            captions = ("bicubic", words, "truth") * len(truth)
            kind = words.replace(" ", "-").lower()
            yield Sheet(kind, _interleave(bicubic, ours, truth), captions, 3)


def _interleave(*rows: Iterable[Pixels]) -> list[Pixels]:
    return [picture for group in zip(*rows, strict=True) for picture in group]
