"""What a mock model makes of a job's stage."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.worker.conftest import MakeJob
from tests.worker.mock.stages import INPUTS, MASK, PICTURE, stage
from worker.inputs import Inputs
from worker.jobs.job import Job
from worker.jobs.stages import Kind
from worker.mock.drawing import draw, preview

Picture = NDArray[np.uint8]


@pytest.fixture
def made(make_job: MakeJob) -> "Made":
    return Made(make_job)


class Made:
    """The first picture of a stage of a kind; keywords set its fields."""

    def __init__(self, make_job: MakeJob) -> None:
        self._make_job = make_job

    def __call__(self, kind: Kind, index: int = 0, **fields: object) -> Picture:
        return draw(self.job(kind, **fields), INPUTS.get(kind, Inputs()), index)

    def job(self, kind: Kind, **fields: object) -> Job:
        return self._make_job(stage(kind, **fields))


def difference(one: Picture, other: Picture) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_equal_requests_give_equal_pictures(made: Made) -> None:
    first, again = made(Kind.TEXT_TO_IMAGE), made(Kind.TEXT_TO_IMAGE)
    assert np.array_equal(first, again)
    assert (first.shape, first.dtype) == ((64, 64, 3), np.uint8)


@pytest.mark.parametrize("other", [{"seed": 8}, {"prompt": "a dog"}, {"index": 1}], ids=str)
def test_others_give_others(made: Made, other: dict[str, int]) -> None:
    assert difference(made(Kind.TEXT_TO_IMAGE), made(Kind.TEXT_TO_IMAGE, **other)) > 5


def test_what_a_language_model_said_is_drawn(make_job: MakeJob) -> None:
    wanted = stage(Kind.TEXT_TO_IMAGE)
    plain, richer = (draw(make_job(wanted, text=text), Inputs(), 0) for text in (None, "a cat, in oil"))
    assert difference(plain, richer) > 5


def test_a_weaker_change_leaves_more_of_a_picture(made: Made) -> None:
    weak, strong = (made(Kind.IMAGE_TO_IMAGE, strength=strength) for strength in (0.2, 0.9))
    assert difference(weak[:32], PICTURE[:32]) < difference(strong[:32], PICTURE[:32])


def test_what_is_outside_the_mask_stays_and_what_is_inside_is_new(made: Made) -> None:
    drawn = made(Kind.INPAINTING)
    assert np.array_equal(drawn[MASK == 0], PICTURE[MASK == 0])
    assert difference(drawn[MASK == 255], PICTURE[MASK == 255]) > 20


def test_a_mask_can_grow_and_have_a_soft_edge(made: Made) -> None:
    cut, grown, soft = (
        made(Kind.INPAINTING, **how) for how in ({}, {"dilation": 5}, {"dilation": 5, "feather": 4})
    )
    changed = np.any(grown != PICTURE, axis=2)
    assert (changed.any(axis=0).argmax(), changed.any(axis=1).argmax()) == (11, 11)
    assert difference(cut, grown) > 0
    assert difference(grown, soft) > 0
    assert np.array_equal(soft[:11], PICTURE[:11])


def test_without_pasting_back_all_is_new(made: Made) -> None:
    assert difference(made(Kind.INPAINTING, paste_back=False)[MASK == 0], PICTURE[MASK == 0]) > 20


def test_a_picture_is_continued_beyond_its_edges(made: Made) -> None:
    drawn = made(Kind.OUTPAINTING, left=32, top=16, right=0, bottom=0)
    assert drawn.shape == (80, 96, 3)
    assert np.array_equal(drawn[16:, 32:], PICTURE)
    soft = made(Kind.OUTPAINTING, left=32, top=16, right=0, bottom=0, feather=8)
    assert not np.array_equal(soft[16:, 32:40], PICTURE[:, :8])
    assert np.array_equal(soft[48:, 72:], PICTURE[32:, 40:])


def test_a_picture_is_made_larger(made: Made) -> None:
    drawn = made(Kind.SUPER_RESOLUTION)
    assert drawn.shape == (256, 256, 3)
    assert difference(np.asarray(Image.fromarray(drawn).resize((64, 64))), PICTURE) < 30


def test_a_picture_is_gone_over(made: Made) -> None:
    once, twice = (made(Kind.REFINEMENT, steps=steps) for steps in (1, 2))
    assert 0 < difference(once, PICTURE) < difference(twice, PICTURE)


@pytest.mark.parametrize("kind", [Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE, Kind.SUPER_RESOLUTION])
def test_a_preview_is_small_and_comes_out_of_noise(made: Made, kind: Kind) -> None:
    job, inputs = made.job(kind, width=512, height=256), INPUTS.get(kind, Inputs())
    early, late, end = (preview(job, inputs, 0, done) for done in (0.1, 0.8, 1.0))
    assert end.shape == (64, 128, 3)
    assert difference(late, end) < difference(early, end)
