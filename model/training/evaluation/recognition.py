"""Is what was asked for what is seen? Objects by prompts in two languages, in many steps and in few."""

from collections.abc import Iterator, Sequence
from random import Random

from model.pipeline import Pipeline
from model.training.evaluation.bench import Bench, load_objects, reconstruct
from model.training.evaluation.prompts import FEW_STEPS, SEED, ask, choose, name
from model.training.evaluation.real import recognised, render_real
from model.training.evaluation.table import Figure
from model.training.evaluation.weights import Weights
from model.training.export import BASE, FLASH
from model.training.pictures import Picture

#: Pictures of each common object, each from noise of its own.
NUM_SEEDS = 2
#: How many of all objects are drawn.
NUM_OF_ALL = 150


def measure_objects(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """The common objects, by the base and by Flash."""
    objects = choose(bench, load_objects(), NUM_SEEDS)
    prompts, russian = [name(picture) for picture in objects], [picture.label_ru for picture in objects]
    yield _through(weights.drawing(BASE), bench, objects)
    for measure, model, texts, num_steps in (
        ("object, English prompt", BASE, prompts, bench.num_steps),
        ("object, Russian prompt", BASE, russian, bench.num_steps),
        ("object, English prompt, base in 4 steps", BASE, prompts, FEW_STEPS),
        ("object, English prompt, Flash in 4 steps", FLASH, prompts, FEW_STEPS),
        ("object, Russian prompt, Flash in 4 steps", FLASH, russian, FEW_STEPS),
    ):
        if not (pipeline := weights.drawing(model)):
            yield Figure(measure)
            continue
        judge = bench.judge(pipeline.checkpoint.default_side)
        drawn = recognised(judge, bench.draw(pipeline, ask(pipeline, texts, num_steps)), objects)
        real = recognised(judge, render_real(pipeline, objects), objects)
        yield Figure(measure, drawn, real, len(objects))


def measure_all_objects(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """Some of all objects, recognised among all of them, where the base was trained on all."""
    everything, base = load_objects(only_common=False), weights.drawing(BASE)
    measure = f"object among all {len(everything)}, English prompt"
    if base is None or not weights.knows_all_objects:
        yield Figure(measure)
        return
    objects = Random(SEED).sample(everything, bench.count(NUM_OF_ALL))
    judge = bench.judge(base.checkpoint.default_side, only_common=False)
    real = recognised(judge, render_real(base, objects), objects)
    prompts = [name(picture) for picture in objects]
    drawn = bench.draw(base, ask(base, prompts, bench.num_steps))
    yield Figure(measure, recognised(judge, drawn, objects), real, len(objects))


def _through(base: Pipeline | None, bench: Bench, objects: Sequence[Picture]) -> Figure:
    """What is recognised after the autoencoder has encoded and decoded real renderings."""
    measure = "object, real renderings through the MoVQ"
    if base is None:
        return Figure(measure)
    judge, real = bench.judge(base.checkpoint.default_side), render_real(base, objects)
    through = recognised(judge, reconstruct(base, real), objects)
    return Figure(measure, through, recognised(judge, real, objects), len(objects))
