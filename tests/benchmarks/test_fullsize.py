from collections.abc import Sequence

import numpy as np
import pytest
import torch

from benchmarks.fullsize import SMALL, load, measure, measure_upscaler
from model.denoising import Denoising
from model.pipeline import Pipeline, Request
from model.upscaling import UpscalePipeline

#: A step is measured by itself: these rounds and the first, and once more for the samples that take it.
NUM_ROUNDS, NUM_STARTS = 2, 4

Loaded = tuple[dict[str, Pipeline], UpscalePipeline]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(SMALL, torch.device("cpu"))


class CountingPipeline(Pipeline):
    """A pipeline that knows how many batches it has started."""

    num_starts = 0

    def start(self, requests: Sequence[Request]) -> list[Denoising]:
        self.num_starts += 1
        return super().start(requests)


def test_a_step_is_timed_without_what_comes_before_it(loaded: Loaded) -> None:
    pipeline = CountingPipeline(loaded[0]["kandinsky-3-inpainting"].checkpoint)
    rows = measure(pipeline, (64,), NUM_ROUNDS)
    assert [(row.name, row.rows) for row in rows] == [("kandinsky-3-inpainting", n) for n in (2, 4)]
    assert pipeline.num_starts == NUM_STARTS * len(rows)


def test_flash_is_timed_from_noise_and_from_an_image(loaded: Loaded) -> None:
    rows = measure(loaded[0]["kandinsky-3-flash"], (64,), 1)
    names = ["kandinsky-3-flash"] * 2 + ["kandinsky-3-flash, from an image"] * 2
    assert [(row.name, row.rows) for row in rows] == list(zip(names, [1, 2, 1, 2], strict=True))


def test_super_resolution_is_timed(loaded: Loaded) -> None:
    row = measure_upscaler(loaded[1], 16, 1)
    assert (row.side, row.rows) == (64, 1)
    assert np.isfinite([row.encode, row.step, row.decode]).all()
