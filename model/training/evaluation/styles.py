"""Are objects drawn in the style that was asked for?"""

from collections.abc import Iterator

from model.pipeline import Pipeline
from model.training.captions import STYLE_ENDINGS
from model.training.evaluation.bench import Bench, load_objects
from model.training.evaluation.prompts import ask, choose, name
from model.training.evaluation.real import render_real, share
from model.training.evaluation.table import Figure
from model.training.evaluation.weights import Weights
from model.training.export import BASE
from model.training.pictures import STYLES, Style


def measure_styles(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """The common objects in each style but the usual one, recognised among all objects in all styles."""
    base = weights.drawing(BASE)
    for style in STYLES[1:]:
        measures = (f"object, {style} style", f"style, {style}")
        if base is None or not weights.knows_style(style):
            yield from map(Figure, measures)
        else:
            yield from _measure(base, bench, style, measures)


def _measure(base: Pipeline, bench: Bench, style: Style, measures: tuple[str, str]) -> Iterator[Figure]:
    objects = choose(bench, load_objects(style=style))
    judge = bench.judge(base.checkpoint.default_side, styles=STYLES)
    prompts = [name(picture) + STYLE_ENDINGS[style][0] for picture in objects]
    drawn = judge.recognise(bench.draw(base, ask(base, prompts, bench.num_steps)))
    real = judge.recognise(render_real(base, objects))
    rates = [
        (
            share(a.label == b.label for a, b in zip(found, objects, strict=True)),
            share(a.style == style for a in found),
        )
        for found in (drawn, real)
    ]
    for measure, value, reference in zip(measures, *rates, strict=True):
        yield Figure(measure, value, reference, len(objects))
