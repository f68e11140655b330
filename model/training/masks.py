"""Random holes for inpainting: rectangles, circles and strokes, up to three of them in a picture."""

import math
from collections.abc import Callable
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.training.compositions import Frame

#: Sides of rectangles, radii of circles and widths of strokes, in fractions of the picture's shorter side.
RECTANGLE_SIDE = (0.25, 1.0)
CIRCLE_RADIUS = (0.15, 0.5)
STROKE_WIDTH = (0.15, 0.35)
#: Corners of a stroke, and how far apart they are.
STROKE_POINTS = (2, 5)
STROKE_LENGTH = (0.2, 0.5)


def draw_hole(rng: Random, frame: Frame, max_shapes: int) -> NDArray[np.bool_]:
    """A hole (H, W) of one to `max_shapes` shapes, True where the picture is to be filled in."""
    canvas = Image.new("1", (frame.width, frame.height))
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.randint(1, max_shapes)):
        rng.choice(SHAPES)(rng, pen, frame)
    return np.array(canvas)


def _rectangle(rng: Random, pen: ImageDraw.ImageDraw, frame: Frame) -> None:
    width, height = (rng.uniform(*RECTANGLE_SIDE) * frame.shorter for _ in range(2))
    left, top = rng.uniform(0, frame.width - width), rng.uniform(0, frame.height - height)
    pen.rectangle((left, top, left + width, top + height), fill=1)


def _circle(rng: Random, pen: ImageDraw.ImageDraw, frame: Frame) -> None:
    pen.circle(_point(rng, frame), rng.uniform(*CIRCLE_RADIUS) * frame.shorter, fill=1)


def _stroke(rng: Random, pen: ImageDraw.ImageDraw, frame: Frame) -> None:
    width = max(1, round(rng.uniform(*STROKE_WIDTH) * frame.shorter))
    points = [_point(rng, frame)]
    for _ in range(rng.randint(*STROKE_POINTS) - 1):
        angle, length = rng.uniform(0, 2 * math.pi), rng.uniform(*STROKE_LENGTH) * frame.shorter
        x, y = points[-1]
        points.append((x + length * math.cos(angle), y + length * math.sin(angle)))
    pen.line(points, fill=1, width=width, joint="curve")
    for point in points:
        pen.circle(point, width / 2, fill=1)


def _point(rng: Random, frame: Frame) -> tuple[float, float]:
    return rng.uniform(0, frame.width), rng.uniform(0, frame.height)


SHAPES: tuple[Callable[[Random, ImageDraw.ImageDraw, Frame], None], ...] = (_rectangle, _circle, _stroke)
