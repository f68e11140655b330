import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from model.pixels import to_pixels
from model.training.bank import to_tensor
from model.training.superres.degradations import DegradationConfig, degrade, shrink
from model.training.superres.jpeg import compress

NOTHING = DegradationConfig(
    clean_share=0.0, blur_share=0.0, noise_share=0.0, jpeg_share=0.0, between=(1.0, 1.0), second_share=0.0
)


@pytest.fixture
def pictures() -> Tensor:
    """Smooth blobs with hard edges, (6, 3, 48, 32)."""
    torch.manual_seed(0)
    coarse = torch.nn.functional.interpolate(torch.randn(6, 3, 6, 4), (48, 32), mode="bicubic")
    return (3 * coarse).clamp(-1, 1)


def small(pictures: Tensor, config: DegradationConfig, scale: int = 2, seed: int = 1) -> Tensor:
    torch.manual_seed(seed)
    return degrade(pictures, scale, config)


@pytest.mark.parametrize("scale", [2, 4])
def test_result_is_smaller_and_has_256_levels(pictures: Tensor, scale: int) -> None:
    degraded = small(pictures, DegradationConfig(clean_share=0.0), scale)
    levels = (degraded + 1) * 127.5
    assert degraded.shape == (6, 3, 48 // scale, 32 // scale)
    assert degraded.abs().max() <= 1
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)


def test_same_generator_state_same_result(pictures: Tensor) -> None:
    config = DegradationConfig()
    assert torch.equal(small(pictures, config), small(pictures, config))
    assert not torch.equal(small(pictures, config), small(pictures, config, seed=2))


def test_clean_pictures_are_only_scaled_down(pictures: Tensor) -> None:
    torch.manual_seed(1)
    by_area = torch.nn.functional.avg_pool2d(pictures, 2)
    clean = shrink(pictures, 2)
    is_by_area = (clean == by_area).flatten(1).all(dim=1)
    assert 0 < is_by_area.sum() < len(pictures)
    torch.testing.assert_close(clean, by_area, rtol=0, atol=0.6)


@pytest.mark.parametrize(
    "change",
    [
        {"blur_share": 1.0},
        {"noise_share": 1.0},
        {"jpeg_share": 1.0},
        {"noise_share": 1.0, "second_share": 1.0, "second_strength": 1.0},
        {"between": (1.5, 1.5)},
    ],
)
def test_each_part_does_something(pictures: Tensor, change: dict[str, Any]) -> None:
    plain, degraded = small(pictures, NOTHING), small(pictures, replace(NOTHING, **change))
    changed = (degraded - plain).abs().amax(dim=(1, 2, 3)) > 1 / 127.5
    assert changed.all()
    assert (degraded - plain).abs().mean() < 0.2


def test_blur_takes_detail_away(pictures: Tensor) -> None:
    def detail(config: DegradationConfig) -> float:
        return small(pictures, config).diff(dim=3).abs().mean().item()

    assert detail(replace(NOTHING, blur_share=1.0, blur=(0.8, 0.8))) < 0.95 * detail(NOTHING)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_jpeg_is_as_pillow_has_it(pictures: Tensor, quality: int) -> None:
    pixels = to_pixels(pictures[:1])[0]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    expected = to_tensor(np.array(Image.open(file))[None])
    compressed = compress(to_tensor(pixels[None]), torch.tensor([float(quality)]))
    assert (compressed - expected).abs().mean() < 0.3 * (compressed - pictures[:1]).abs().mean() + 1 / 127.5


def test_jpeg_takes_any_size() -> None:
    grey = torch.zeros(2, 3, 7, 19)
    torch.testing.assert_close(compress(grey, torch.tensor([50.0, 90.0])), grey, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("field", "value"),
    [("clean_share", 1.5), ("blur", (0.5, 0.1)), ("jpeg_quality", (40.0, 101.0)), ("second_strength", 2.0)],
)
def test_bad_value_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        DegradationConfig(**{field: value})
