"""Small, worn pictures from large ones, in the manner of Real-ESRGAN (Wang et al. 2021, section 3)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.training.superres.jpeg import compress

Range = tuple[float, float]
Size = tuple[int, int]


@dataclass(frozen=True)
class DegradationConfig:
    """How large pictures become small: milder than published, and without its ringing.

    Shares are probabilities, each drawn for each picture. Raises ValueError for a value out of range.
    """

    #: Of the pictures that are scaled down and nothing else, half by area and half bicubically.
    clean_share: float = 0.5
    blur_share: float = 0.7
    #: Standard deviations of the blur along its two axes, in pixels of the small picture.
    blur: Range = (0.15, 0.8)
    noise_share: float = 0.6
    #: Standard deviation of the noise, where pictures are in [-1, 1].
    noise: Range = (0.01, 0.08)
    #: Of the noise that is the same in red, green and blue.
    grey_share: float = 0.4
    jpeg_share: float = 0.7
    jpeg_quality: Range = (40.0, 95.0)
    #: Size between the two rounds, over the small picture's.
    between: Range = (0.8, 1.6)
    #: Of the worn pictures that go through blur, noise and JPEG again.
    second_share: float = 0.3
    #: How strong blur and noise are in that second round, over the first.
    second_strength: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("_share") and not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {value}")
            if isinstance(value, tuple) and not 0 < value[0] <= value[1]:
                raise ValueError(f"{name} must be a rising range above 0, not {value}")
        if self.jpeg_quality[1] > 100:
            raise ValueError(f"jpeg_quality must not exceed 100, not {self.jpeg_quality}")
        if not 0 <= self.second_strength <= 1:
            raise ValueError(f"second_strength must be from 0 to 1, not {self.second_strength}")


def degrade(pictures: Tensor, scale: int, config: DegradationConfig) -> Tensor:
    """Small pictures as they are found, drawn from torch's global generator.

    Shapes: pictures (B, 3, H, W) in [-1, 1], sides multiples of `scale` -> (B, 3, H / scale, W / scale), of
    256 levels in [-1, 1].
    """
    clean = _draw(pictures, config.clean_share)
    small = _where(clean, shrink(pictures, scale), wear(pictures, scale, config))
    return ((small.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def shrink(pictures: Tensor, scale: int) -> Tensor:
    """Small pictures without further loss, each by area or bicubically."""
    size = (pictures.shape[2] // scale, pictures.shape[3] // scale)
    by_area = _draw(pictures, 0.5)
    return _where(by_area, F.avg_pool2d(pictures, scale), _resize(pictures, size, "bicubic"))


def wear(pictures: Tensor, scale: int, config: DegradationConfig) -> Tensor:
    """Blur, resizing, noise and JPEG, and for some pictures all of them again, more weakly."""
    size = (pictures.shape[2] // scale, pictures.shape[3] // scale)
    factor = _any_factor(config.between)
    between = (max(1, round(factor * size[0])), max(1, round(factor * size[1])))
    everywhere = torch.ones(len(pictures), dtype=torch.bool, device=pictures.device)
    worn = _resize(_blur(pictures, everywhere, config.blur, scale, config), between, _any_mode())
    worn = _compress(_add_noise(worn, everywhere, config.noise, config), everywhere, config)
    again, strength = _draw(pictures, config.second_share), config.second_strength
    worn = _resize(_blur(worn, again, config.blur, factor * strength, config), size, _any_mode())
    return _compress(_add_noise(worn, again, _weaker(config.noise, strength), config), again, config)


def _blur(
    pictures: Tensor, eligible: Tensor, deviations: Range, scale: float, config: DegradationConfig
) -> Tensor:
    """Gaussian blur of a shape and an angle of its own for each picture that it falls on."""
    kernels = _kernels(
        scale * _uniform(pictures, deviations, 2),
        _uniform(pictures, (0.0, math.pi), 1)[:, 0],
        radius=math.ceil(2.5 * scale * deviations[1]),
    )
    blurred = _convolve(pictures, kernels)
    return _where(eligible & _draw(pictures, config.blur_share), blurred, pictures)


def _add_noise(pictures: Tensor, eligible: Tensor, deviations: Range, config: DegradationConfig) -> Tensor:
    """Normal noise, of its own for each colour or the same in all three."""
    noise = torch.randn_like(pictures)
    noise = _where(_draw(pictures, config.grey_share), noise[:, :1].expand_as(noise), noise)
    noisy = pictures + _uniform(pictures, deviations, 1)[:, :, None, None] * noise
    return _where(eligible & _draw(pictures, config.noise_share), noisy, pictures)


def _compress(pictures: Tensor, eligible: Tensor, config: DegradationConfig) -> Tensor:
    quality = _uniform(pictures, config.jpeg_quality, 1)[:, 0]
    return _where(
        eligible & _draw(pictures, config.jpeg_share), compress(pictures.clamp(-1, 1), quality), pictures
    )


def _kernels(deviations: Tensor, angles: Tensor, radius: int) -> Tensor:
    """Gaussians with standard deviations (B, 2) along axes turned by angles (B,), (B, k, k) of sum 1."""
    steps = torch.arange(-radius, radius + 1, device=angles.device, dtype=angles.dtype)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    cosine, sine = angles.cos()[:, None, None], angles.sin()[:, None, None]
    along, across = (cosine * x + sine * y, cosine * y - sine * x)
    first, second = deviations[:, :, None, None].unbind(1)
    weights = torch.exp(-((along / first) ** 2 + (across / second) ** 2) / 2)
    return weights / weights.sum(dim=(1, 2), keepdim=True)


def _convolve(pictures: Tensor, kernels: Tensor) -> Tensor:
    """Each picture with its own kernel, edges repeated outwards."""
    rows, channels = pictures.shape[:2]
    padded = F.pad(pictures, (kernels.shape[-1] // 2,) * 4, mode="replicate")
    weight = kernels.repeat_interleave(channels, dim=0)[:, None]
    return F.conv2d(padded.flatten(0, 1)[None], weight, groups=rows * channels)[0].view_as(pictures)


def _resize(pictures: Tensor, size: Size, mode: str) -> Tensor:
    return F.interpolate(pictures, size, mode=mode, antialias=True)


def _any_mode() -> str:
    return "bilinear" if torch.rand(()) < 0.5 else "bicubic"


def _any_factor(bounds: Range) -> float:
    """Drawn so that enlarging and reducing by the same ratio are as likely."""
    low, high = (math.log(bound) for bound in bounds)
    return math.exp(low + (high - low) * torch.rand(()).item())


def _draw(pictures: Tensor, share: float) -> Tensor:
    """Which pictures something befalls, (B,)."""
    return torch.rand(len(pictures), device=pictures.device) < share


def _uniform(pictures: Tensor, bounds: Range, count: int) -> Tensor:
    """`count` values for each picture, (B, count)."""
    return torch.empty(len(pictures), count, device=pictures.device).uniform_(*bounds)


def _where(chosen: Tensor, changed: Tensor, pictures: Tensor) -> Tensor:
    return torch.where(chosen[:, None, None, None], changed, pictures)


def _weaker(bounds: Range, strength: float) -> Range:
    return (strength * bounds[0], strength * bounds[1])
