"""How much of a picture does the autoencoder keep?"""

from collections.abc import Iterator
from random import Random

from model.pixels import Pixels
from model.training.compositions import Frame
from model.training.evaluation.bench import Bench, load_objects, reconstruct
from model.training.evaluation.prompts import SEED
from model.training.evaluation.quality import psnr, ssim
from model.training.evaluation.scenes import draw_scenes, render
from model.training.evaluation.table import DECIBELS, PLAIN, Figure
from model.training.evaluation.weights import Weights
from model.training.export import BASE
from model.training.pictures import STYLES, Style

NUM_PICTURES = 128


def measure_reconstruction(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """Real renderings in each style that the base knows, encoded and decoded."""
    base = weights.drawing(BASE)
    for style in STYLES:
        measures = [f"MoVQ, {style} style, {unit}" for unit in ("PSNR", "SSIM")]
        if base is None or not weights.knows_style(style):
            yield from map(Figure, measures)
            continue
        truth = _render(style, base.checkpoint.default_side, bench.count(NUM_PICTURES))
        kept = reconstruct(base, truth)
        yield Figure(measures[0], psnr(kept, truth), None, len(truth), DECIBELS)
        yield Figure(measures[1], ssim(kept, truth), None, len(truth), PLAIN)


def _render(style: Style, side: int, count: int) -> Pixels:
    """Objects in one style, of sizes and in places that the autoencoder was not trained on."""
    objects = Random(SEED).choices(load_objects(style=style), k=count)
    return render(draw_scenes(objects, SEED), Frame(side, side))
