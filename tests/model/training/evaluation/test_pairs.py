import pytest

from model.training.compositions import Frame
from model.training.evaluation.bench import Bench
from model.training.evaluation.pairs import rate
from model.training.evaluation.scenes import draw_pair_scenes, draw_pairs, render
from model.training.pictures import Picture


@pytest.mark.parametrize("width", [64, 128])
def test_real_pairs_are_in_order(bench: Bench, objects: list[Picture], width: int) -> None:
    pairs, frame = draw_pairs(objects, 12, seed=3), Frame(width, 64)
    pictures = render(draw_pair_scenes(pairs, frame, seed=4), frame)
    assert rate(bench.judge(64), pictures, pairs) == (1, 1)
    assert rate(bench.judge(64), pictures, [(right, left) for left, right in pairs]) == (0, 1)
