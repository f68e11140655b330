from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.activations import PeakMemory
from model.checkpoint import FAMILY
from model.dpm_solver import solver_steps
from model.multidiffusion import MAX_ROWS, WINDOWS, Plan, Upscaling, plan, step
from model.pixels import Pixels
from model.superres import SuperResUNet
from model.tiling import Windows
from model.upscaler import Upscaler, load_upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest, padded_side
from tests.model.conftest import CPU
from tests.model.seams import seam, smooth

MODELS = ("tiny-x4", "tiny-x2", "tiny-flash-x2")


@pytest.fixture(scope="module", params=MODELS)
def pipeline(request: pytest.FixtureRequest, tiny_family: Path) -> UpscalePipeline:
    """Each of the models that make pictures larger."""
    return UpscalePipeline(load_upscaler(tiny_family / request.param, CPU))


@pytest.fixture
def own_plans() -> Iterator[None]:
    """A test that plans with windows of its own neither finds plans of others nor leaves any."""
    plan.cache_clear()
    yield
    plan.cache_clear()


@pytest.fixture
def small_windows(own_plans: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts even small pictures into windows."""
    monkeypatch.setattr("model.multidiffusion.WINDOWS", Windows(32, 24, ramp=8))


def picture(height: int = 20, width: int = 28, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def finish(pipeline: UpscalePipeline, batch: list[Upscaling]) -> list[Pixels]:
    while waiting := [upscaling for upscaling in batch if not upscaling.is_done]:
        pipeline.step(waiting)
    return pipeline.decode(batch)


def upscale(pipeline: UpscalePipeline, *requests: UpscaleRequest) -> list[Pixels]:
    return finish(pipeline, pipeline.start(requests))


def see_through(x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
    """A network that sees the picture through any noise."""
    return lowres


def begin(
    height: int, width: int, windows: Windows = WINDOWS, num_steps: int = 4, seed: int = 0
) -> Upscaling:
    generator = torch.Generator().manual_seed(seed)
    lowres = torch.rand(1, 3, height // 4, width // 4, generator=generator)
    noise = torch.randn(1, 3, height, width, generator=generator)
    return Upscaling.start(lowres, Plan(solver_steps(num_steps), windows), lambda _: noise, (height, width))


def sample(upscaling: Upscaling) -> Tensor:
    while not upscaling.is_done:
        step(lambda x, timesteps, lowres: torch.tanh(0.3 * x + 0.6 * lowres), [upscaling])
    return upscaling.noisy


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (5, 7), (12, 16), (45, 33)])
def test_pictures_of_any_size(pipeline: UpscalePipeline, height: int, width: int) -> None:
    [enlarged] = upscale(pipeline, UpscaleRequest(picture(height, width), seed=1, num_steps=2))
    scale = pipeline.checkpoint.scale
    assert enlarged.shape == (scale * height, scale * width, 3)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("case", range(20))
def test_windows_of_pictures_of_any_size(tiny_family: Path, case: int) -> None:
    pipeline = UpscalePipeline(load_upscaler(tiny_family / MODELS[case % 3], CPU))
    height, width = np.random.default_rng(case).integers(1, 60, 2).tolist()
    [enlarged] = upscale(pipeline, UpscaleRequest(picture(height, width), seed=1, num_steps=1))
    scale = pipeline.checkpoint.scale
    assert enlarged.shape == (scale * height, scale * width, 3)
    assert enlarged.std() > 1


def test_pictures_that_wait_take_no_memory(pipeline: UpscalePipeline) -> None:
    requests = [UpscaleRequest(picture(64, 64), seed) for seed in range(4)]
    with PeakMemory() as memory:
        waiting = pipeline.start(requests)
    assert memory.live <= sum(upscaling.lowres.nbytes for upscaling in waiting)


def test_a_prediction_is_kept_only_for_a_step_that_needs_it() -> None:
    upscaling, kept = begin(24, 32, num_steps=4), list[bool]()
    while not upscaling.is_done:
        step(see_through, [upscaling])
        kept.append(upscaling.predicted is not None)
    assert kept == [True, True, False, False]


def test_the_last_prediction_is_the_picture() -> None:
    upscaling = begin(24, 32)
    while not upscaling.is_done:
        step(see_through, [upscaling])
    torch.testing.assert_close(upscaling.noisy, F.interpolate(upscaling.lowres, (24, 32), mode="bilinear"))


def test_seed_and_index_decide(pipeline: UpscalePipeline) -> None:
    keys = [(1, 0), (1, 0), (2, 0), (1, 1)]
    requests = [UpscaleRequest(picture(), seed, index, num_steps=1) for seed, index in keys]
    first, again, other, next_ = upscale(pipeline, *requests)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, next_)


@pytest.mark.usefixtures("small_windows")
def test_batch_mates_do_not_matter(pipeline: UpscalePipeline) -> None:
    """Company of other sizes and numbers of steps, whose windows have the same shape."""
    sizes = [(40, 56), (40, 40), (48, 33)]
    requests = [
        UpscaleRequest(picture(*size, seed=i), seed=i, num_steps=3 + i) for i, size in enumerate(sizes)
    ]
    assert len({(view.height, view.width) for r in requests for view in pipeline.windows(r)}) == 1
    together = upscale(pipeline, *requests)
    for request, found in zip(requests, together, strict=True):
        [alone] = upscale(pipeline, request)
        assert alone.std() > 1
        assert np.abs(found.astype(int) - alone).max() <= 1


@pytest.mark.usefixtures("small_windows")
def test_joining_midway_does_not_matter(pipeline: UpscalePipeline) -> None:
    early, late = (UpscaleRequest(picture(40, 40, seed=i), seed=i) for i in range(2))
    batch = pipeline.start([early])
    for _ in range(2):
        pipeline.step(batch)
    found = finish(pipeline, [*batch, *pipeline.start([late])])
    for request, together in zip((early, late), found, strict=True):
        [alone] = upscale(pipeline, request)
        assert np.abs(together.astype(int) - alone).max() <= 1


def test_a_copied_state_goes_on_to_the_same_picture(pipeline: UpscalePipeline) -> None:
    [upscaling] = pipeline.start([UpscaleRequest(picture(), seed=1)])
    pipeline.step([upscaling])
    copy = replace(upscaling)
    [first], [second] = finish(pipeline, [upscaling]), finish(pipeline, [copy])
    assert np.array_equal(first, second)


def test_one_large_window_is_no_window() -> None:
    whole, larger = (sample(begin(40, 40, Windows(size, size))) for size in (40, 1024))
    assert torch.equal(whole, larger)


@pytest.mark.parametrize("windows", [Windows(8, 6), Windows(8, 6, ramp=2)])
def test_windows_of_a_pointwise_network_change_nothing(windows: Windows) -> None:
    torch.testing.assert_close(sample(begin(40, 60)), sample(begin(40, 60, windows)))


def test_advancing_the_whole_is_advancing_each_window() -> None:
    """As published: every window has its own history, and the advanced windows are averaged."""
    windows = Windows(16, 12)
    upscaling, published = begin(28, 40, windows), begin(28, 40, windows)
    histories: list[Tensor | None] = [None] * len(published.views)
    for solver_step in published.steps:
        mosaic = published.mosaic()
        for i, view in enumerate(published.views):
            noisy, *conditions = published.seen(view)
            predicted = uneven(noisy, *conditions)
            mosaic.add(solver_step.advance(noisy, predicted, histories[i])[0], view)
            histories[i] = predicted
        published.noisy = mosaic.finish()
        published.num_done += 1
    while not upscaling.is_done:
        step(uneven, [upscaling])
    torch.testing.assert_close(upscaling.noisy, published.noisy)


def uneven(x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
    """A network that sees where in its window a pixel lies."""
    return torch.tanh(0.3 * x + 0.6 * lowres + torch.linspace(-0.5, 0.5, x.shape[3]))


def test_the_network_sees_few_windows_at_a_time() -> None:
    seen: list[int] = []

    def count(x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
        seen.append(len(x))
        return lowres

    step(count, [begin(40, 64, Windows(8, 8)), begin(16, 16, Windows(8, 8))])
    assert seen == [MAX_ROWS, MAX_ROWS, 40 + 4 - 2 * MAX_ROWS]


class CrampedNetwork(SuperResUNet):
    """A network that fits so many rows into memory and no more."""

    def __init__(self, network: SuperResUNet, max_rows: int) -> None:
        super().__init__(network.config)
        self.load_state_dict(network.state_dict())
        self.max_rows = max_rows

    def forward(self, x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
        if len(x) > self.max_rows:
            raise torch.OutOfMemoryError(f"{len(x)} rows")
        return super().forward(x, timesteps, lowres)


def cramped(pipeline: UpscalePipeline, max_rows: int) -> UpscalePipeline:
    upscaler = pipeline.checkpoint
    network = CrampedNetwork(upscaler.network, max_rows)
    return UpscalePipeline(Upscaler(upscaler.name, network, upscaler.scale, upscaler.sampler))


@pytest.mark.usefixtures("small_windows")
def test_windows_that_do_not_fit_go_in_smaller_parts(tiny_family: Path) -> None:
    pipeline = UpscalePipeline(load_upscaler(tiny_family / "tiny-x4", CPU))
    request = UpscaleRequest(picture(40, 40), seed=1)
    [expected], [found] = upscale(pipeline, request), upscale(cramped(pipeline, max_rows=2), request)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_lack_of_memory_leaves_a_picture_where_it_was(tiny_family: Path) -> None:
    pipeline = cramped(UpscalePipeline(load_upscaler(tiny_family / "tiny-x4", CPU)), max_rows=0)
    [upscaling] = pipeline.start([UpscaleRequest(picture(), seed=1)])
    before = upscaling.noisy
    with pytest.raises(torch.OutOfMemoryError):
        pipeline.step([upscaling])
    assert upscaling.noisy is before
    assert upscaling.num_done == 0


def test_previews_are_small_and_show_the_picture() -> None:
    upscaler = Upscaler("clear", ClearNetwork(), 4, "dpmsolver++")
    pipeline = UpscalePipeline(upscaler)
    grey = np.full((100, 200, 3), 51, dtype=np.uint8)
    [upscaling] = pipeline.start([UpscaleRequest(grey, seed=1)])
    for _ in range(2):
        preview = pipeline.preview(upscaling)
        assert preview.shape == (128, 256, 3)
        assert np.unique(preview).tolist() == [51]
        pipeline.step([upscaling])


class ClearNetwork(SuperResUNet):
    """A network that sees the picture through any noise."""

    def __init__(self) -> None:
        from tests.checkpoints import TINY_SUPERRES

        super().__init__(TINY_SUPERRES)

    def forward(self, x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
        return lowres


def test_an_infinite_picture_is_noticed(pipeline: UpscalePipeline) -> None:
    [upscaling] = pipeline.start([UpscaleRequest(picture(), seed=1)])
    assert upscaling.is_finite
    upscaling.noisy = upscaling.noisy / 0
    assert not upscaling.is_finite


@pytest.mark.parametrize(
    ("side", "scale", "padded"),
    [(17, 4, 72), (16, 4, 64), (17, 2, 40), (18, 2, 40), (515, 2, 1032), (1, 2, 8)],
)
def test_sides_that_are_sampled(side: int, scale: int, padded: int) -> None:
    assert padded_side(side, scale) == padded


def test_padding_moves_nothing() -> None:
    """A picture of odd sides comes out as the same part of one that is larger."""
    pipeline = UpscalePipeline(Upscaler("clear", ClearNetwork(), 4, "dpmsolver++"))
    large = picture(16, 16)
    [expected], [found] = (upscale(pipeline, UpscaleRequest(large[:n, :n], seed=1)) for n in (16, 13))
    assert np.array_equal(found[:48, :48], expected[:48, :48])


@pytest.fixture(params=["kandisuperres-x4-demo", "kandisuperres-flash-x2-demo"])
def trained(request: pytest.FixtureRequest) -> UpscalePipeline:
    """Trained models, whose pictures have no edges of their own."""
    return UpscalePipeline(load_upscaler(FAMILY / request.param, CPU))


@pytest.mark.usefixtures("own_plans")
@pytest.mark.parametrize(("ramp", "is_seen"), [(32, False), (0, True)])
def test_seams_are_invisible(
    ramp: int, is_seen: bool, trained: UpscalePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows that fade leave none, those that count alike, as published, do."""
    monkeypatch.setattr("model.multidiffusion.WINDOWS", Windows(128, 96, ramp))
    scale = trained.checkpoint.scale
    request = UpscaleRequest(smooth(128 // scale, 320 // scale), seed=1)
    [enlarged] = upscale(trained, request)
    assert (seam(enlarged, trained.windows(request)) > 1.6) == is_seen
