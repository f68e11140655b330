"""Are two objects both there, and each on its side?"""

from collections.abc import Iterator, Sequence

import numpy as np

from model.pipeline import Pipeline
from model.pixels import Pixels
from model.training.compositions import Frame
from model.training.evaluation.bench import Bench, load_objects, reconstruct
from model.training.evaluation.cutout import border_colour, cut_out
from model.training.evaluation.judge import Judge
from model.training.evaluation.prompts import SEED, ask, name
from model.training.evaluation.real import share
from model.training.evaluation.scenes import Pair, draw_pair_scenes, draw_pairs, render
from model.training.evaluation.table import Figure
from model.training.evaluation.weights import Weights
from model.training.export import BASE

NUM_PAIRS = 64
#: Width over height of the pictures, as the table says it.
RATIOS = {2: "2:1", 1: "1:1"}
MEASURES = (
    "two objects in order, {}",
    "two objects in any order, {}",
    "two objects in order, {}, real renderings through the MoVQ",
)


def measure_pairs(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """Such as a cat to the left of a pizza, in wide pictures and in square ones."""
    base = weights.drawing(BASE)
    pairs = draw_pairs(load_objects(), bench.count(NUM_PAIRS), SEED)
    for ratio, words in RATIOS.items():
        measures = [measure.format(words) for measure in MEASURES]
        if base is None:
            yield from map(Figure, measures)
            continue
        for measure, value, reference in zip(measures, *_measure(base, bench, pairs, ratio), strict=True):
            yield Figure(measure, value, reference, len(pairs))


def _measure(
    base: Pipeline, bench: Bench, pairs: Sequence[Pair], ratio: int
) -> tuple[list[float], list[float]]:
    """The values of all measures, and their references."""
    side = base.checkpoint.default_side
    frame, judge = Frame(ratio * side, side), bench.judge(side)
    prompts = [f"{name(left)} to the left of {name(right)}" for left, right in pairs]
    real = render(draw_pair_scenes(pairs, frame, SEED), frame)
    drawn = bench.draw(base, ask(base, prompts, bench.num_steps, frame))
    ordered, present = rate(judge, drawn, pairs)
    real_ordered, real_present = rate(judge, real, pairs)
    through, _ = rate(judge, reconstruct(base, real), pairs)
    return [ordered, present, through], [real_ordered, real_present, real_ordered]


def rate(judge: Judge, pictures: Pixels, pairs: Sequence[Pair]) -> tuple[float, float]:
    """The shares of pictures with both objects in order, and with both in any order."""
    found = list(zip(*(_recognise_half(judge, pictures, half) for half in (0, 1)), strict=True))
    wanted = [tuple(picture.label for picture in pair) for pair in pairs]
    ordered = share(a == b for a, b in zip(found, wanted, strict=True))
    return ordered, share(sorted(a) == sorted(b) for a, b in zip(found, wanted, strict=True))


def _recognise_half(judge: Judge, pictures: Pixels, half: int) -> list[str]:
    """The labels in the left (0) or right (1) half of each picture."""
    middle = pictures.shape[2] // 2
    columns = slice(half * middle, (half + 1) * middle)
    cut = [cut_out(picture[:, columns], border_colour(picture)) for picture in pictures]
    return [picture.label for picture in judge.recognise_cut_outs(np.stack(cut))]
