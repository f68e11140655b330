"""The U-Net of KandiSuperRes, on pixels and without text (Kandinsky 3.0 Technical Report, section 5.2)."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers import timestep_embedding
from model.sizes import require_divisible, require_sizes

Resampling = Literal["", "down", "up"]


@dataclass(frozen=True)
class SuperResConfig:
    """Sizes of the network; the defaults are those of KandiSuperRes (413 M parameters)."""

    #: Channels of a picture.
    channels: int = 3
    init_channels: int = 128
    block_out_channels: tuple[int, ...] = (128, 256, 512, 1024)
    num_blocks: tuple[int, ...] = (2, 4, 8, 8)
    time_embed_dim: int = 512
    groups: int = 32

    def __post_init__(self) -> None:
        require_sizes(vars(self))
        levels = len(self.block_out_channels)
        if len(self.num_blocks) != levels or min(self.num_blocks) < 1:
            raise ValueError(f"num_blocks={self.num_blocks}: each of the {levels} levels needs a block")
        for channels in (self.init_channels, *self.block_out_channels):
            require_divisible("channels", channels, "groups", self.groups)

    @classmethod
    def from_original(cls, config: dict[str, Any]) -> Self:
        """Reads the keyword arguments of the published repository's U-Net."""
        if not config["lowres_cond"]:
            raise ValueError("lowres_cond must be true: a network without the small picture is not supported")
        return cls(
            channels=config["num_channels"],
            init_channels=config["init_channels"],
            block_out_channels=tuple(config["model_channels"] * mult for mult in config["dim_mult"]),
            num_blocks=tuple(config["num_resnet_blocks"]),
            time_embed_dim=config["time_embed_dim"],
            groups=config["groups"],
        )

    @classmethod
    def from_json(cls, config: dict[str, Any]) -> Self:
        """Reads `unet/config.json` of our own layout."""
        return cls(
            channels=config["channels"],
            init_channels=config["init_channels"],
            block_out_channels=tuple(config["block_out_channels"]),
            num_blocks=tuple(config["num_blocks"]),
            time_embed_dim=config["time_embed_dim"],
            groups=config["groups"],
        )

    def to_json(self) -> dict[str, Any]:
        """The same as `unet/config.json`."""
        return {"_class_name": "SuperResUNet", **asdict(self)}

    @property
    def stride(self) -> int:
        """Heights and widths must be multiples of this."""
        return 2 ** (len(self.block_out_channels) - 1)


class Resample(nn.Module):
    """Learned halving or doubling of the sides."""

    def __init__(self, channels: int, resampling: Resampling) -> None:
        super().__init__()
        kind = nn.ConvTranspose2d if resampling == "up" else nn.Conv2d
        self.change_resolution = kind(channels, channels, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.change_resolution(x)


class InBlock(nn.Module):
    """Norm, optional resampling, 3x3 convolution; there is no activation between them."""

    def __init__(self, in_channels: int, out_channels: int, groups: int, resampling: Resampling) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, in_channels)
        self.change_resolution = Resample(in_channels, resampling) if resampling else nn.Identity()
        self.projection = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.projection(self.change_resolution(self.group_norm(x)))


class OutBlock(nn.Module):
    """Norm, scale and shift by the time embedding, SiLU, 3x3 convolution."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, channels)
        self.projection = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return self.projection(F.silu(torch.addcmul(shift, self.group_norm(x), scale + 1)))


class ResNetBlock(nn.Module):
    """Two convolutions and a shortcut, both resampled where the block resamples."""

    def __init__(
        self, in_channels: int, out_channels: int, config: SuperResConfig, resampling: Resampling
    ) -> None:
        super().__init__()
        changes = bool(resampling) or in_channels != out_channels
        self.time_mlp = nn.Sequential(nn.SiLU(), nn.Linear(config.time_embed_dim, 2 * out_channels))
        self.in_block = InBlock(in_channels, out_channels, config.groups, resampling)
        self.out_block = OutBlock(out_channels, config.groups)
        self.change_resolution = Resample(in_channels, resampling) if resampling else nn.Identity()
        self.res_block = nn.Conv2d(in_channels, out_channels, 1) if changes else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.time_mlp(embedding)[:, :, None, None].chunk(2, dim=1)  # (B, C, 1, 1)
        shortcut = self.res_block(self.change_resolution(x))
        return shortcut + self.out_block(self.in_block(x), scale, shift)


class Level(nn.Module):
    """One resolution level: a chain of ResNets, one of which may resample."""

    def __init__(self, widths: list[int], config: SuperResConfig, resamplings: list[Resampling]) -> None:
        super().__init__()
        # Each is one of a pair in the published layout; the other, cross-attention, is left out there too.
        self.resnet_attn_blocks = nn.ModuleList(
            nn.ModuleList([ResNetBlock(before, after, config, resampling)])
            for (before, after), resampling in zip(pairwise(widths), resamplings, strict=True)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for pair in self.resnet_attn_blocks:
            for resnet in pair.children():
                x = resnet(x, embedding)
        return x


class SuperResUNet(nn.Module):
    """Predicts the large picture from a noisy one and the small one; module names are the published ones."""

    def __init__(self, config: SuperResConfig) -> None:
        super().__init__()
        self.config = config
        levels = range(len(config.block_out_channels))
        self.to_time_embed = nn.Sequential(
            nn.Identity(),  # the place of the sinusoids, which the published network counts
            nn.Linear(config.init_channels, config.time_embed_dim),
            nn.SiLU(),
            nn.Linear(config.time_embed_dim, config.time_embed_dim),
        )
        self.init_conv = nn.Conv2d(2 * config.channels, config.init_channels, 3, padding=1)
        self.down_samples = nn.ModuleList(_down(config, level) for level in levels)
        self.up_samples = nn.ModuleList(_up(config, level) for level in reversed(levels))
        self.norm = nn.GroupNorm(config.groups, config.init_channels)
        self.out_conv = nn.Conv2d(config.init_channels, config.channels, 3, padding=1)

    def forward(self, x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
        """Predicts the picture itself, not its noise.

        Shapes: x (B, 3, H, W) with H and W multiples of `config.stride`, timesteps (B,) in 0..999, lowres
        (B, 3, h, w) of any size, in [-1, 1] -> (B, 3, H, W).
        """
        embedding = self.embed(timesteps)
        skips = self.descend(x, embedding, lowres)
        x = skips[-1]
        for level, up in enumerate(self.up_samples):
            skip = skips.pop()
            x = up(torch.cat([x, skip], dim=1) if level else x, embedding)
        return self.out_conv(F.silu(self.norm(x)))

    def embed(self, timesteps: Tensor) -> Tensor:
        """Embedding of timesteps (B,), (B, time_embed_dim)."""
        sinusoids = timestep_embedding(timesteps, self.config.init_channels)
        return self.to_time_embed(sinusoids.to(self.init_conv.weight.dtype))

    def descend(self, x: Tensor, embedding: Tensor, lowres: Tensor) -> list[Tensor]:
        """What each level on the way down makes of x (B, 3, H, W) and the small picture, the deepest last."""
        x = self.init_conv(torch.cat([x, upsample(lowres, x.shape[2:])], dim=1))
        skips: list[Tensor] = []
        for down in self.down_samples:
            x = down(x, embedding)
            skips.append(x)
        return skips


def upsample(picture: Tensor, size: torch.Size) -> Tensor:
    """Enlarges a picture bilinearly to (H, W)."""
    return picture if picture.shape[2:] == size else F.interpolate(picture, list(size), mode="bilinear")


def _down(config: SuperResConfig, level: int) -> Level:
    """A level on the way down; its first ResNet halves the sides, but at the deepest."""
    before, out = (config.init_channels, *config.block_out_channels)[level : level + 2]
    count = config.num_blocks[level]
    resamplings: list[Resampling] = [""] * count
    if level < len(config.block_out_channels) - 1:
        resamplings[0] = "down"
    return Level([before] + [out] * count, config, resamplings)


def _up(config: SuperResConfig, level: int) -> Level:
    """A level on the way up; its last ResNet doubles the sides, but at the deepest."""
    out, inner = (config.init_channels, *config.block_out_channels)[level : level + 2]
    count = config.num_blocks[level]
    widths = [inner] * count + [out]
    resamplings: list[Resampling] = [""] * count
    if level < len(config.block_out_channels) - 1:
        widths[0] = 2 * inner  # the skip is concatenated
        resamplings[-1] = "up"
    return Level(widths, config, resamplings)
