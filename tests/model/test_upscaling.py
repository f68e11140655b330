import pytest
import torch
from torch import Tensor

from model.superres import SuperResConfig, SuperResUNet, upsample
from model.tiling import Windows
from model.upscaling import Upscaling, fit, padded_side, upscale, upscale_flash

TINY = SuperResConfig(
    init_channels=8, block_out_channels=(8, 8, 16, 16), num_blocks=(1, 1, 1, 1), time_embed_dim=16, groups=4
)


@pytest.fixture(scope="module")
def network() -> SuperResUNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SuperResUNet(TINY)


def enlarge(x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
    """A network that sees the picture through any noise."""
    return upsample(lowres, x.shape[2:])


def sample(upscaling: Upscaling) -> Tensor:
    while not upscaling.is_done:
        upscaling.step(lambda x, timesteps, lowres: torch.tanh(0.3 * x + 0.6 * lowres))
    return upscaling.noisy


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (12, 16), (17, 10)])
def test_pictures_of_any_size(network: SuperResUNet, scale: int, height: int, width: int) -> None:
    enlarged = upscale(network, torch.rand(1, 3, height, width), scale, seed=1, num_steps=2)
    assert enlarged.shape == (1, 3, scale * height, scale * width)
    assert -1 <= enlarged.min() <= enlarged.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 64), (45, 33)])
def test_flash_takes_pictures_of_any_size(network: SuperResUNet, height: int, width: int) -> None:
    enlarged = upscale_flash(network, torch.rand(1, 3, height, width), seed=1)
    assert enlarged.shape == (1, 3, 2 * height, 2 * width)


def test_the_last_prediction_is_the_picture() -> None:
    lowres = torch.rand(1, 3, 6, 8)
    expected = upsample(lowres, torch.Size((24, 32)))
    torch.testing.assert_close(upscale(enlarge, lowres, 4, seed=1), expected)


def test_the_seed_decides(network: SuperResUNet) -> None:
    lowres = torch.rand(1, 3, 8, 8)
    first, again, other = (upscale(network, lowres, 2, seed, num_steps=1) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_one_large_window_is_no_window() -> None:
    lowres, noise = torch.rand(1, 3, 10, 10), torch.randn(1, 3, 40, 40)
    whole, larger = (sample(Upscaling.start(lowres, noise, 4, Windows(size, size))) for size in (40, 1024))
    assert torch.equal(whole, larger)


def test_windows_of_a_pointwise_network_change_nothing() -> None:
    lowres, noise = torch.rand(1, 3, 10, 15), torch.randn(1, 3, 40, 60)
    whole = sample(Upscaling.start(lowres, noise, 4))
    tiled = sample(Upscaling.start(lowres, noise, 4, Windows(8, 6)))
    torch.testing.assert_close(whole, tiled)


def test_the_network_sees_few_windows_at_a_time() -> None:
    upscaling = Upscaling.start(torch.rand(1, 3, 10, 15), torch.randn(1, 3, 40, 60), windows=Windows(8, 8))
    assert [len(views) for views in upscaling.batches] == [15, 15, 10]


@pytest.mark.parametrize(
    ("side", "scale", "padded"),
    [(17, 4, 72), (16, 4, 64), (17, 2, 40), (18, 2, 40), (515, 2, 1032), (1, 2, 8)],
)
def test_sides_that_are_sampled(side: int, scale: int, padded: int) -> None:
    assert padded_side(side, scale) == padded


def test_a_fitting_picture_is_only_clipped() -> None:
    assert fit(torch.full((1, 3, 4, 4), 1.5), 4, 4).unique().tolist() == [1]


def test_corners_stay_in_place() -> None:
    picture = torch.rand(1, 3, 8, 8)
    assert torch.equal(fit(picture, 6, 5)[..., 0, 0], picture[..., 0, 0])
