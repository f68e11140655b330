"""What is asked for: the same prompts and noise for every set of weights."""

from collections.abc import Sequence
from random import Random

from model.pipeline import Pipeline, Request
from model.training.captions import Colour, with_article
from model.training.compositions import Frame
from model.training.evaluation.bench import Bench
from model.training.pictures import Picture

#: Steps of Flash, and of the base beside it.
FEW_STEPS = 4
SEED = 101


def name(picture: Picture) -> str:
    """The plainest words for an object."""
    return with_article(picture.names[0])


def ask(
    pipeline: Pipeline, prompts: Sequence[str], num_steps: int, frame: Frame | None = None
) -> list[Request]:
    """A request for each prompt, each from noise of its own, by default of the pipeline's own size."""
    checkpoint = pipeline.checkpoint
    frame = frame or Frame(checkpoint.default_side, checkpoint.default_side)
    return [
        Request(prompt, frame.width, frame.height, num_steps, checkpoint.samplers[0], SEED, index)
        for index, prompt in enumerate(prompts)
    ]


def choose(bench: Bench, objects: Sequence[Picture], times: int = 1) -> list[Picture]:
    """All objects several times, or in a quick evaluation some of them."""
    everything = [*objects] * times
    chosen = Random(SEED).sample(range(len(everything)), bench.count(len(everything)))
    return [everything[index] for index in sorted(chosen)]


def on_background(thing: str, colour: Colour) -> str:
    """A thing on a background of a colour."""
    article = "an" if colour.name[0] in "aeiou" else "a"
    return f"{thing} on {article} {colour.name} background"
