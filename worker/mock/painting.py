"""A picture of a prompt: colors and shapes that follow from seed, prompt and index, and words."""

import colorsys
import hashlib

from PIL import Image, ImageDraw, ImageOps

from worker.jobs.job import Job
from worker.jobs.stages import Rendering
from worker.mock.lettering import write

Size = tuple[int, int]
#: Left, upper, right and lower edge.
Box = tuple[int, int, int, int]
Color = tuple[int, int, int]

NUM_SHAPES = 6


def paint(job: Job, index: int, size: Size) -> Image.Image:
    """What a job's present stage draws at (width, height): equal requests and sizes give equal pixels."""
    stage = job.stage
    assert isinstance(stage, Rendering)
    chance = _chance(f"{stage.seed} {index} {job.wording}")
    picture = _background(size, hue=chance[0], turn=90 * (chance[1] % 4))
    draw = ImageDraw.Draw(picture, "RGBA")
    for number in range(NUM_SHAPES):
        _draw_shape(draw, chance[2 + 5 * number : 7 + 5 * number], size)
    return picture


def sign(picture: Image.Image, job: Job, index: int, box: Box | None = None) -> None:
    """Write on a picture, or a part of it, what was asked for."""
    stage = job.stage
    assert isinstance(stage, Rendering)
    asked = f"{stage.kind} by {stage.model}, seed {stage.seed}, picture {index}, {stage.steps} steps"
    part = picture.crop(box)
    write(part, [job.wording, f"{asked}, {picture.width} x {picture.height}"])
    picture.paste(part, box)


def _chance(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _background(size: Size, hue: int, turn: int) -> Image.Image:
    """A gradient between two neighbouring colors."""
    gradient = Image.linear_gradient("L").rotate(turn).resize(size)
    return ImageOps.colorize(gradient, _color(hue, 0.35), _color(hue + 40, 0.95))


def _draw_shape(draw: ImageDraw.ImageDraw, chance: bytes, size: Size) -> None:
    """A disc, a square or a triangle, which lets shine through what is behind it."""
    width, height = size
    across, down, extent, hue, shape = chance
    x, y, radius = width * across / 255, height * down / 255, min(size) * (0.08 + extent / 1000)
    fill = (*_color(hue, 0.9), 170)
    match shape % 3:
        case 0:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill)
        case 1:
            draw.rectangle((x - radius, y - radius, x + radius, y + radius), fill)
        case _:
            draw.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], fill)


def _color(hue: int, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 256 / 256, 0.6, value)
    return round(255 * red), round(255 * green), round(255 * blue)
