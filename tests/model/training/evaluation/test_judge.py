import pytest

from model.training.compositions import Frame
from model.training.evaluation.features import Features
from model.training.evaluation.judge import Judge
from model.training.evaluation.scenes import draw_scenes, render
from model.training.pictures import Picture, load_pictures


@pytest.mark.parametrize("side", [64, 128])
def test_recognises_real_renderings(features: Features, objects: list[Picture], side: int) -> None:
    judge = Judge.of(features, objects, side)
    found = judge.recognise(render(draw_scenes(objects * 2, seed=1), Frame(side, side)))
    assert [picture.label for picture in found] == [picture.label for picture in objects * 2]


def test_tells_styles_apart(features: Features) -> None:
    objects = [p for style in ("3d", "flat", "noto") for p in load_pictures(("cat face", "pizza"), style)]
    judge = Judge.of(features, objects, 64)
    assert judge.recognise(render(draw_scenes(objects, seed=1), Frame(64, 64))) == objects


def test_features_are_of_all_blocks(features: Features, objects: list[Picture]) -> None:
    extracted = features.extract(render(draw_scenes(objects[:2], seed=1), Frame(96, 96)))
    assert [tuple(block.shape) for block in extracted] == [(2, 9 * width) for width in (40, 80, 112, 192)]
