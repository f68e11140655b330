"""Does inpainting draw what was asked for where it should, and leave the rest alone?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from model.canvas import Canvas
from model.pasting import paste_back
from model.pipeline import Pipeline, Request
from model.pixels import Pixels
from model.training.captions import COLOURS
from model.training.compositions import Composition, Frame, Placement
from model.training.evaluation.bench import Bench, load_objects, reconstruct
from model.training.evaluation.cutout import border_colour, cut_out
from model.training.evaluation.judge import Judge
from model.training.evaluation.prompts import SEED, name, on_background
from model.training.evaluation.real import share
from model.training.evaluation.scenes import draw_pairs, render, vary
from model.training.evaluation.table import LEVELS, Figure
from model.training.evaluation.weights import Weights
from model.training.export import INPAINTING
from model.training.pictures import Picture

NUM_PICTURES = 48
#: Size of the object that is replaced, and of the hole in its place, of the picture's side.
OBJECT_SIZE, HOLE_SIZE = 0.66, 0.75
GUIDANCE_SCALE = 4.0
MEASURES = (
    "inpainting, object in the hole",
    "inpainting, mean change outside the hole, of 255",
    "inpainting, largest change outside the hole, of 255",
    "inpainting pasted back, largest change outside the hole, of 255",
)


@dataclass(frozen=True)
class Task:
    """Pictures with an object that is to be replaced by another."""

    wanted: tuple[Picture, ...]
    prompts: tuple[str, ...]
    #: The pictures as they are, and as they would be with the other object, (N, H, W, 3).
    pictures: Pixels
    truth: Pixels
    #: (N, H, W), 1 within the hole.
    masks: NDArray[np.float32]

    def requests(self, pipeline: Pipeline, num_steps: int) -> list[Request]:
        """What the pipeline is asked for."""
        height, width = self.masks.shape[1:]
        sampler = pipeline.checkpoint.samplers[0]
        plain = Request("", width, height, num_steps, sampler, SEED, guidance_scale=GUIDANCE_SCALE)
        canvases = map(Canvas, self.pictures, self.masks)
        return [
            replace(plain, prompt=prompt, index=index, canvas=canvas)
            for index, (prompt, canvas) in enumerate(zip(self.prompts, canvases, strict=True))
        ]


def measure_inpainting(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """An object on a plain background is replaced by another."""
    pipeline = weights.drawing(INPAINTING)
    if pipeline is None:
        yield from map(Figure, MEASURES)
        return
    task = draw_task(pipeline.checkpoint.default_side, bench.count(NUM_PICTURES))
    drawn = bench.draw(pipeline, task.requests(pipeline, bench.num_steps))
    pasted = np.stack(list(map(paste_back, drawn, task.pictures, task.masks)))
    judge, count = bench.judge(pipeline.checkpoint.default_side), len(task.prompts)
    yield Figure(MEASURES[0], _recognised(judge, drawn, task), _recognised(judge, task.truth, task), count)
    changes = [change_outside(pictures, task) for pictures in (drawn, reconstruct(pipeline, task.pictures))]
    for measure, value, reference in zip(MEASURES[1:3], *changes, strict=True):
        yield Figure(measure, value, reference, count, LEVELS)
    yield Figure(MEASURES[3], change_outside(pasted, task)[1], None, count, LEVELS)


def draw_task(side: int, count: int) -> Task:
    """Pairs of objects, the first of which stands near the middle of a coloured picture."""
    rng, frame, prompts = Random(SEED), Frame(side, side), []
    scenes: list[list[Composition]] = [[], []]
    masks = np.zeros((count, side, side), np.float32)
    pairs = draw_pairs(load_objects(), count, SEED)
    for pair, mask in zip(pairs, masks, strict=True):
        colour = rng.choice(COLOURS)
        background, x, y = vary(rng, colour), *(rng.uniform(0.4, 0.6) for _ in range(2))
        for picture, several in zip(pair, scenes, strict=True):
            several.append(Composition((Placement(picture, x, y, OBJECT_SIZE),), background, ""))
        left, top = (max(0, round((centre - HOLE_SIZE / 2) * side)) for centre in (x, y))
        right, bottom = (round((centre + HOLE_SIZE / 2) * side) for centre in (x, y))
        mask[top:bottom, left:right] = 1
        prompts.append(on_background(name(pair[1]), colour))
    before, after = (render(several, frame) for several in scenes)
    return Task(tuple(pair[1] for pair in pairs), tuple(prompts), before, after, masks)


def change_outside(pictures: Pixels, task: Task) -> tuple[float, float]:
    """The mean and the largest absolute difference of a channel outside the holes."""
    difference = np.abs(pictures.astype(np.int16) - task.pictures)[task.masks == 0]
    return float(difference.mean()), float(difference.max())


def _recognised(judge: Judge, pictures: Pixels, task: Task) -> float:
    found = judge.recognise_cut_outs(np.stack(list(map(_cut_out_hole, pictures, task.masks))))
    return share(a.label == b.label for a, b in zip(found, task.wanted, strict=True))


def _cut_out_hole(picture: Pixels, mask: NDArray[np.float32]) -> Pixels:
    rows, columns = mask.any(axis=1), mask.any(axis=0)
    return cut_out(picture[rows][:, columns], border_colour(picture))
