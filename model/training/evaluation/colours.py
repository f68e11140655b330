"""Which of the captions' colours a picture has as its background."""

import numpy as np

from model.pixels import Pixels
from model.training.captions import COLOURS, Colour
from model.training.evaluation.cutout import border_colour


def background_colour(picture: Pixels) -> Colour:
    """The nearest, in RGB, to the median of the outermost pixels."""
    found = border_colour(picture)
    return min(COLOURS, key=lambda colour: float(np.square(found - colour.rgb).sum()))
