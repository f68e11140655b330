from random import Random

from model.training.captions import COLOURS
from model.training.compositions import Composition, Frame, Placement
from model.training.evaluation.colours import background_colour
from model.training.evaluation.scenes import render, vary
from model.training.pictures import Picture


def test_every_colour_is_told_on_real_renderings(objects: list[Picture]) -> None:
    rng, colours = Random(2), COLOURS * len(objects)
    scenes = [
        Composition((Placement(picture, 0.5, 0.5, 0.95),), vary(rng, colour), "")
        for picture, colour in zip(objects * len(COLOURS), colours, strict=True)
    ]
    assert [background_colour(picture) for picture in render(scenes, Frame(64, 64))] == list(colours)
