"""How well the judge does on real renderings: the reference of what is drawn."""

from collections.abc import Iterable, Sequence

from model.pipeline import Pipeline
from model.pixels import Pixels
from model.training.compositions import Frame
from model.training.evaluation.judge import Judge
from model.training.evaluation.prompts import SEED
from model.training.evaluation.scenes import draw_scenes, render
from model.training.pictures import Picture


def render_real(pipeline: Pipeline, objects: Sequence[Picture]) -> Pixels:
    """A scene for each object, of the size that a pipeline draws."""
    side = pipeline.checkpoint.default_side
    return render(draw_scenes(objects, SEED), Frame(side, side))


def recognised(judge: Judge, pictures: Pixels, objects: Sequence[Picture]) -> float:
    """The share of pictures whose object is recognised, in whatever style."""
    found = judge.recognise(pictures)
    return share(a.label == b.label for a, b in zip(found, objects, strict=True))


def share(verdicts: Iterable[bool]) -> float:
    """The share of verdicts that are favourable."""
    listed = list(verdicts)
    return sum(listed) / len(listed)
