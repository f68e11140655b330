"""Canvases that are drawn window by window, in the same pipeline as those that a network sees as a whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.canvas import Canvas, extend
from model.checkpoint import load_checkpoint
from model.outpainting import Outpainting
from model.pasting import paste_back
from model.pipeline import Pipeline, Request
from model.pixels import Pixels
from tests.model.conftest import CPU, MakeRequest
from tests.model.test_pipeline import assert_same_picture, draw, finish


@pytest.fixture(scope="module")
def pipeline(tiny_family: Path) -> Pipeline:
    """The networks of the tiny checkpoint for inpainting."""
    return Pipeline(load_checkpoint(tiny_family / "tiny-inpainting", CPU))


@pytest.fixture
def make_extension(make_request: MakeRequest) -> MakeRequest:
    """Makes a request for a picture with margins; keywords set its fields."""

    def make(**fields: object) -> Request:
        canvas = extend(photo(), (20, 36, 0, 40))
        return make_request(**{"sampler": "kandinsky", "num_steps": 3, "canvas": canvas, **fields})

    return make


def photo(height: int = 64, width: int = 64, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_canvas_is_drawn_as_a_whole(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    request = make_extension()
    [sample] = pipeline.start([request])
    assert pipeline.num_steps(request) == sample.num_steps == 3 * 6
    finish(pipeline, [sample])
    [drawn] = pipeline.decode([sample])
    assert drawn.shape == (104, 120, 3)
    assert np.array_equal(drawn[:64, 20:84], photo())
    blank = (drawn == 128).all(axis=2)
    assert blank.mean() < 0.01


def test_windows_are_inpainted_one_after_the_other(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    """A picture extended to the right by two windows is what inpainting makes of each by itself."""
    canvas = extend(photo(), (0, 76, 0, 0))
    _, drawn = draw(pipeline, make_extension(canvas=canvas, num_steps=1, seed=3))
    views = Outpainting.start(canvas, (64, 64)).windows
    assert [view.left for view in views] == [48, 76]
    first = Canvas(canvas.picture[:, 48:112], canvas.mask[:, 48:112])
    _, expected = draw(pipeline, make_extension(canvas=first, num_steps=1, seed=3))
    assert_same_picture(drawn[:, 64:112], expected[:, 16:])


def test_each_window_has_noise_of_its_own(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    [sample] = pipeline.start([make_extension(num_steps=1)])
    starts = [sample.latent]
    while sample.num_steps - sample.num_done > 1:
        pipeline.step([sample])
        starts.append(sample.latent)
    for i, latent in enumerate(starts):
        assert all((latent - other).abs().mean() > 0.5 for other in starts[:i])


def test_shares_steps_with_inpainting(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    """Samples that are at different windows, and one that has none."""
    hole = np.zeros((64, 64), np.float32)
    hole[:, 20:40] = 1
    requests = [
        make_extension(),
        make_extension(canvas=Canvas(photo(), hole), num_steps=7),
        make_extension(num_steps=2, index=1),
        make_extension(canvas=extend(photo(80, 70), (0, 0, 9, 0)), prompt="кот"),
    ]
    batch = pipeline.start(requests)
    finish(pipeline, batch)
    for request, pixels in zip(requests, pipeline.decode(batch), strict=True):
        # Each window starts from bytes of those before it, so that errors of rounding grow.
        difference = np.abs(pixels.astype(int) - draw(pipeline, request)[1])
        assert difference.mean() < 0.5


def test_a_canvas_may_be_smaller_than_the_window(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    request = make_extension(canvas=extend(photo(30, 40), (0, 10, 0, 15)))
    assert pipeline.num_steps(request) == 3
    _, drawn = draw(pipeline, request)
    assert drawn.shape == (45, 50, 3)
    assert np.array_equal(drawn[:30, :40], photo(30, 40))


def test_what_is_filled_up_is_not_drawn_for_its_own_sake() -> None:
    hole = np.zeros((50, 500), np.float32)
    hole[10:20, 30:40] = 1
    board = Outpainting.start(Canvas(photo(50, 500), hole), (64, 64))
    assert len(board.windows) == 1
    assert board.window.mask[50:].all()


def test_shares_of_the_mask_are_left_to_pasting(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    canvas = extend(photo(), (0, 32, 0, 0))
    canvas.mask[:, 60:64] = 0.25
    _, drawn = draw(pipeline, make_extension(canvas=canvas))
    pasted = paste_back(drawn, canvas.picture, canvas.mask)
    expected = canvas.picture[:, 60:64] + 0.25 * (drawn[:, 60:64].astype(float) - canvas.picture[:, 60:64])
    assert np.array_equal(pasted[:, 60:64], expected.round())


def test_a_preview_at_any_time(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    [sample] = pipeline.start([make_extension(canvas=extend(photo(), (0, 41, 0, 0)), num_steps=2)])
    shapes = {pipeline.preview(sample).shape}
    while not sample.is_done:
        pipeline.step([sample])
        shapes.add(pipeline.preview(sample).shape)
    assert shapes == {(8, 14, 3)}


def test_a_step_that_fails_changes_nothing(
    pipeline: Pipeline, make_extension: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(latents: Tensor) -> Tensor:
        raise MemoryError

    batch = pipeline.start([make_extension(num_steps=1), make_extension(num_steps=2)])
    before = [vars(replace(sample)) for sample in batch]
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.checkpoint.movq, "decode", fail)
        with pytest.raises(MemoryError):
            pipeline.step(batch)
    for sample, fields in zip(batch, before, strict=True):
        assert all(vars(sample)[name] is value for name, value in fields.items())


def test_a_window_that_is_not_finite_is_noticed(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    [sample] = pipeline.start([make_extension(num_steps=1)])
    sample.latent = torch.full_like(sample.latent, torch.nan)
    with pytest.raises(FloatingPointError):
        pipeline.step([sample])


def test_an_empty_mask_has_nothing_to_draw(pipeline: Pipeline, make_extension: MakeRequest) -> None:
    request = make_extension(canvas=Canvas(photo(80, 80), np.zeros((80, 80), np.float32)))
    with pytest.raises(ValueError, match="the mask is empty"):
        pipeline.start([request])
