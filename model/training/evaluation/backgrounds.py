"""Is the background of the colour that was asked for?"""

from collections.abc import Iterator
from random import Random

from model.training.captions import COLOURS
from model.training.compositions import Composition, Frame, Placement
from model.training.evaluation.bench import Bench, load_objects
from model.training.evaluation.colours import background_colour
from model.training.evaluation.prompts import SEED, ask, name, on_background
from model.training.evaluation.real import recognised, share
from model.training.evaluation.scenes import render, vary
from model.training.evaluation.table import Figure
from model.training.evaluation.weights import Weights
from model.training.export import BASE

#: Objects on each of the colours.
NUM_OBJECTS = 12
MEASURES = ("background colour", "object on that background")


def measure_backgrounds(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """The twelve colours, each behind several objects."""
    base = weights.drawing(BASE)
    if base is None:
        yield from map(Figure, MEASURES)
        return
    rng, side = Random(SEED), base.checkpoint.default_side
    colours = [*COLOURS] * bench.count(NUM_OBJECTS)
    objects = rng.choices(load_objects(), k=len(colours))
    prompts = [on_background(name(picture), colour) for picture, colour in zip(objects, colours, strict=True)]
    scenes = [
        Composition((Placement(picture, 0.5, 0.5, 0.9),), vary(rng, colour), "")
        for picture, colour in zip(objects, colours, strict=True)
    ]
    judge, drawn = bench.judge(side), bench.draw(base, ask(base, prompts, bench.num_steps))
    rates = [
        (
            share(background_colour(a) == b for a, b in zip(pictures, colours, strict=True)),
            recognised(judge, pictures, objects),
        )
        for pictures in (drawn, render(scenes, Frame(side, side)))
    ]
    for measure, value, reference in zip(MEASURES, *rates, strict=True):
        yield Figure(measure, value, reference, len(objects))
