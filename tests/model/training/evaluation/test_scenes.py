import numpy as np

from model.training.compositions import Frame
from model.training.evaluation.scenes import draw_pairs, draw_scenes, render
from model.training.pictures import Picture


def test_the_same_seed_gives_the_same_scenes(objects: list[Picture]) -> None:
    frame = Frame(64, 64)
    first, again = (render(draw_scenes(objects, seed=5), frame) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, render(draw_scenes(objects, seed=6), frame))


def test_objects_are_wholly_within_the_frame(objects: list[Picture]) -> None:
    for scene in draw_scenes(objects * 5, seed=7):
        (placement,) = scene.placements
        reach = placement.size / 2
        assert all(reach <= centre <= 1 - reach for centre in (placement.x, placement.y))


def test_a_pair_has_two_different_objects(objects: list[Picture]) -> None:
    assert all(left is not right for left, right in draw_pairs(objects, 50, seed=8))
