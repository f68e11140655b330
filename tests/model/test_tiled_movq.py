import numpy as np
import pytest
import torch

from model.checkpoint import DEMO, load_checkpoint
from model.movq import MoVQ
from model.pixels import Pixels, from_pixels, to_pixels
from model.tiled_movq import TiledMoVQ
from model.tiling import Windows
from tests.model.conftest import CPU
from tests.model.seams import seam, smooth


@pytest.fixture(scope="module")
def movq() -> MoVQ:
    """The trained autoencoder of the demonstration family."""
    return load_checkpoint(DEMO, CPU).movq


@torch.inference_mode()
def test_a_picture_of_one_tile_is_as_of_the_network(movq: MoVQ) -> None:
    tiled, picture = TiledMoVQ(movq, 8), smooth(64, 48)
    latent = tiled.encode(picture)
    torch.testing.assert_close(latent, movq.encode(from_pixels(picture, CPU)))
    torch.testing.assert_close(tiled.decode(latent), movq.decode(latent))


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(64, 72), (64, 120), (136, 88)])
def test_any_number_of_tiles_gives_the_picture_back(height: int, width: int, movq: MoVQ) -> None:
    tiled, picture = TiledMoVQ(movq, 8), smooth(height, width)
    latent = tiled.encode(picture)
    assert latent.shape == (1, 4, height // 8, width // 8)
    assert psnr(to_pixels(tiled.decode(latent))[0], picture) > 24


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 72), (16, 264)])
def test_pictures_of_any_size(height: int, width: int, movq: MoVQ) -> None:
    tiled = TiledMoVQ(movq, 8)
    assert tiled.decode(tiled.encode(smooth(height, width))).shape == (1, 3, height, width)


@torch.inference_mode()
@pytest.mark.parametrize(("ramp", "is_seen"), [(2, False), (0, True)])
def test_seams_are_invisible(ramp: int, is_seen: bool, movq: MoVQ, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tiles this network draws edges of up to 2.3 where its latents meet."""
    monkeypatch.setattr(TiledMoVQ, "windows", Windows(8, 8 - ramp, ramp))
    tiled = TiledMoVQ(movq, 8)
    [picture] = to_pixels(tiled.decode(tiled.encode(smooth(128, 384))))
    views = tiled.windows.scaled(8).cover(128, 384)
    assert (seam(picture, views) > 3) == is_seen


@torch.inference_mode()
def test_few_tiles_are_evaluated_at_a_time(movq: MoVQ, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    decode = movq.decode
    monkeypatch.setattr("model.tiled_movq.MAX_LATENTS", {"cpu": 3 * 8 * 8})
    monkeypatch.setattr(movq, "decode", lambda latents: seen.append(len(latents)) or decode(latents))
    TiledMoVQ(movq, 8).decode(torch.zeros(1, 4, 20, 14))
    assert seen == [3, 3]


def psnr(found: Pixels, expected: Pixels) -> float:
    """Peak signal-to-noise ratio in dB."""
    return float(10 * np.log10(255**2 / np.mean((found.astype(float) - expected) ** 2)))
