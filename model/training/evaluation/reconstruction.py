"""How much of a picture does the autoencoder keep?"""

from collections.abc import Iterator
from random import Random

from model.pixels import Pixels
from model.training.compositions import CompositionConfig, Frame, sample
from model.training.evaluation.bench import Bench, load_objects, reconstruct
from model.training.evaluation.prompts import SEED
from model.training.evaluation.quality import psnr, ssim
from model.training.evaluation.scenes import render
from model.training.evaluation.table import DECIBELS, PLAIN, Figure
from model.training.evaluation.weights import BASE, Weights
from model.training.pictures import STYLES, Style

NUM_PICTURES = 128


def measure_reconstruction(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """Compositions of each style that the base knows, encoded and decoded."""
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
    """Compositions as in training, but of one style, and none of them trained on."""
    config = CompositionConfig(flat_share=style == "flat", noto_share=style == "noto")
    rng, frame, pictures = Random(SEED), Frame(side, side), {style: load_objects(style=style)}
    return render([sample(rng, pictures, config, frame) for _ in range(count)], frame)
