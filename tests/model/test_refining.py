from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.checkpoint import Checkpoint, load_checkpoint
from model.pipeline import Pipeline, Request
from model.pixels import Pixels
from model.refining import RefinePipeline, RefineRequest, Refining, tiles_for
from model.schedule import draw_noise
from model.tiling import Windows
from tests.model.conftest import CPU
from tests.model.seams import smooth


@pytest.fixture(scope="module")
def flash(tiny_family: Path) -> Pipeline:
    """The tiny checkpoint that draws in four steps."""
    return Pipeline(load_checkpoint(tiny_family / "tiny-flash", CPU))


@pytest.fixture(scope="module")
def refiner(flash: Pipeline) -> RefinePipeline:
    """Its refiner, with tiles of 192 px."""
    return RefinePipeline(flash)


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def finish(refiner: RefinePipeline, batch: list[Refining]) -> list[Pixels]:
    while waiting := [refining for refining in batch if not refining.is_done]:
        refiner.step(waiting)
    assert all(refining.is_finite for refining in batch)
    return refiner.decode(batch)


def refine(refiner: RefinePipeline, *requests: RefineRequest) -> list[Pixels]:
    return finish(refiner, refiner.start(requests))


def test_tiles_are_as_published() -> None:
    assert tiles_for(128, 8) == Windows(352, 264, ramp=88)
    assert tiles_for(8, 8) == Windows(24, 18, ramp=6)


@pytest.mark.parametrize(("num_steps", "strength"), [(1, 0.25), (2, 0.5)])
def test_a_picture_of_one_tile_is_drawn_from_as_an_image(
    num_steps: int,
    strength: float,
    flash: Pipeline,
    refiner: RefinePipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the same noise the result is the same."""
    monkeypatch.setattr("model.refining.FIRST_DRAW", 0)
    image = smooth(64, 64)
    request = Request("a red apple", 64, 64, 4, "flash", seed=3, image=image, strength=strength)
    [sample] = flash.start([request])
    while not sample.is_done:
        flash.step([sample])
    [expected] = flash.decode([sample])
    [found] = refine(refiner, RefineRequest(image, 3, "a red apple", num_steps=num_steps))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_noise_is_none_that_the_picture_was_drawn_from(refiner: RefinePipeline) -> None:
    [refining] = refiner.start([RefineRequest(picture(64, 64), seed=1, num_steps=2)])
    drawn = [draw_noise(1, 0, number, tuple(refining.latent.shape)) for number in range(400)]
    for _ in range(2):
        noise = (refining.noised() - refining.steps.signal * refining.latent) / refining.steps.spread
        assert not any(torch.allclose(noise, other, atol=0.01) for other in drawn)
        refiner.step([refining])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (65, 7), (200, 64), (193, 330)])
def test_pictures_of_any_size(height: int, width: int, refiner: RefinePipeline) -> None:
    [refined] = refine(refiner, RefineRequest(picture(height, width), seed=1))
    assert refined.shape == (height, width, 3)
    assert refined.std() > 1


@pytest.mark.parametrize(("height", "width"), [(8, 200), (192, 193), (1000, 700)])
def test_no_tile_is_a_sliver(height: int, width: int, refiner: RefinePipeline) -> None:
    stride = refiner.checkpoint.unet.config.stride
    for view in refiner.tiles(RefineRequest(picture(height, width), seed=1)):
        assert view.height % stride == view.width % stride == 0


def test_batch_mates_do_not_matter(refiner: RefinePipeline) -> None:
    """Company of other sizes, prompts and numbers of steps, whose tiles have the same shape."""
    first = RefineRequest(picture(200, 200), seed=1, prompt="a red apple")
    others = (
        RefineRequest(picture(200, 300, seed=1), seed=2, prompt="two green bottles, with a cat", num_steps=2),
        replace(first, prompt="", index=1),
    )
    together = refine(refiner, first, *others)
    for request, found in zip((first, *others), together, strict=True):
        [alone] = refine(refiner, request)
        assert np.abs(found.astype(int) - alone).max() <= 1


def test_seed_index_and_prompt_decide(refiner: RefinePipeline) -> None:
    first = RefineRequest(picture(64, 64), seed=1)
    changed = (replace(first, seed=2), replace(first, index=1), replace(first, prompt="a red apple"))
    expected, again, *others = refine(refiner, first, replace(first), *changed)
    assert np.array_equal(expected, again)
    assert not any(np.array_equal(expected, other) for other in others)


def test_states_stand_for_the_prompt(flash: Pipeline, refiner: RefinePipeline) -> None:
    request = RefineRequest(picture(64, 64), seed=1, prompt="a red apple")
    with torch.inference_mode():
        [states] = flash.checkpoint.prompts.encode([request.prompt])
    [expected], [found] = (
        refine(refiner, r) for r in (request, replace(request, states={request.prompt: states}))
    )
    assert np.array_equal(found, expected)


class SlopingUNet(torch.nn.Module):
    """A network that predicts from -1 to 1 across a tile, and fits so many rows into memory."""

    def __init__(self, unet: torch.nn.Module, max_rows: int = 16) -> None:
        super().__init__()
        self.conv_in, self.config, self.max_rows = unet.conv_in, unet.config, max_rows
        self.encode_text = unet.encode_text
        self.seen: list[int] = []

    def forward(self, x: Tensor, timesteps: Tensor, text: object, mask: object) -> Tensor:
        self.seen.append(len(x))
        if len(x) > self.max_rows:
            raise torch.OutOfMemoryError(f"{len(x)} rows")
        return torch.linspace(-1, 1, x.shape[3]).expand_as(x)


def with_unet(flash: Pipeline, unet: SlopingUNet) -> RefinePipeline:
    checkpoint: Checkpoint = replace(flash.checkpoint, unet=unet)  # type: ignore[arg-type]
    return RefinePipeline(Pipeline(checkpoint))


@pytest.mark.parametrize(("ramp", "is_seen"), [(6, False), (0, True)])
def test_seams_are_invisible(ramp: int, is_seen: bool, flash: Pipeline) -> None:
    """Tiles whose left and right sides differ by 2: what is predicted jumps at their borders, or not."""
    refiner = with_unet(flash, SlopingUNet(flash.checkpoint.unet))
    refiner.windows = Windows(24, 18, ramp)
    [refining] = refiner.start([RefineRequest(smooth(64, 600), seed=1)])
    noised, signal, spread = refining.noised(), refining.steps.signal, refining.steps.spread
    refiner.step([refining])
    noise = (noised - signal * refining.latent) / spread
    assert (noise.diff(dim=3).abs().max() > 0.5) == is_seen


def test_tiles_that_do_not_fit_go_in_smaller_parts(flash: Pipeline) -> None:
    unet = SlopingUNet(flash.checkpoint.unet, max_rows=1)
    refiner = with_unet(flash, unet)
    refine(refiner, RefineRequest(picture(64, 64), seed=1), RefineRequest(picture(64, 64), seed=2))
    assert unet.seen == [2, 1, 1]


def test_a_lack_of_memory_leaves_a_picture_where_it_was(flash: Pipeline) -> None:
    refiner = with_unet(flash, SlopingUNet(flash.checkpoint.unet, max_rows=0))
    [refining] = refiner.start([RefineRequest(picture(64, 64), seed=1)])
    before = refining.latent
    with pytest.raises(torch.OutOfMemoryError):
        refiner.step([refining])
    assert refining.latent is before
    assert refining.num_done == 0


def test_previews_have_the_size_of_the_latent(refiner: RefinePipeline) -> None:
    [refining] = refiner.start([RefineRequest(picture(100, 50), seed=1)])
    assert refiner.preview(refining).shape == (13, 7, 3)


def test_other_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="num_steps must be 1 or 2, not 3"):
        RefineRequest(picture(8, 8), seed=1, num_steps=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tiny", "tiny-inpainting"])
def test_only_flash_refines(name: str, tiny_family: Path) -> None:
    pipeline = Pipeline(load_checkpoint(tiny_family / name, CPU))
    with pytest.raises(ValueError, match=f"{name} is no Flash checkpoint"):
        RefinePipeline(pipeline)
