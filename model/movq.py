"""MoVQ autoencoder (Zheng et al. 2022): pictures to latents and back, as Kandinsky 3 uses it, unquantised."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.sizes import require_divisible, require_sizes


@dataclass(frozen=True)
class MoVQConfig:
    """Sizes of the autoencoder; the defaults are those of Kandinsky 3 (270 M parameters)."""

    block_out_channels: tuple[int, ...] = (256, 512, 512, 1024)
    layers_per_block: int = 2
    #: Whether the level attends.
    attention: tuple[bool, ...] = (False, False, False, True)
    latent_channels: int = 4
    num_codes: int = 16384
    groups: int = 32

    def __post_init__(self) -> None:
        require_sizes(vars(self))
        if len(self.attention) != len(self.block_out_channels):
            raise ValueError(
                f"attention needs one entry for each of the {len(self.block_out_channels)} levels"
            )
        for channels in self.block_out_channels:
            require_divisible("channels", channels, "groups", self.groups)

    @classmethod
    def from_diffusers(cls, config: dict[str, Any]) -> Self:
        """Reads `movq/config.json` of the diffusers layout."""
        return cls(
            block_out_channels=tuple(config["block_out_channels"]),
            layers_per_block=config["layers_per_block"],
            attention=tuple(block.startswith("Attn") for block in config["down_block_types"]),
            latent_channels=config["latent_channels"],
            num_codes=config["num_vq_embeddings"],
            groups=config["norm_num_groups"],
        )

    def to_diffusers(self) -> dict[str, Any]:
        """The same as `movq/config.json`."""
        kinds = [("Attn" if attends else "", attends) for attends in self.attention]
        return {
            "_class_name": "VQModel",
            "act_fn": "silu",
            "block_out_channels": list(self.block_out_channels),
            "down_block_types": [f"{prefix}DownEncoderBlock2D" for prefix, _ in kinds],
            "up_block_types": [f"{prefix}UpDecoderBlock2D" for prefix, _ in reversed(kinds)],
            "in_channels": 3,
            "out_channels": 3,
            "latent_channels": self.latent_channels,
            "vq_embed_dim": self.latent_channels,
            "num_vq_embeddings": self.num_codes,
            "layers_per_block": self.layers_per_block,
            "norm_num_groups": self.groups,
            "norm_type": "spatial",
        }

    @classmethod
    def from_original(cls, config: dict[str, Any]) -> Self:
        """Reads the keyword arguments of the published repository's MoVQ."""
        widths = tuple(config["ch"] * mult for mult in config["ch_mult"])
        sides = [config["resolution"] // 2**level for level in range(len(widths))]
        return cls(
            block_out_channels=widths,
            layers_per_block=config["num_res_blocks"],
            attention=tuple(side in config["attn_resolutions"] for side in sides),
            latent_channels=config["z_channels"],
        )

    @property
    def stride(self) -> int:
        """Pixels per latent position, along each side."""
        return 2 ** (len(self.block_out_channels) - 1)


class Norm(nn.GroupNorm):
    """Group normalisation of the encoder; ignores the latent."""

    def __init__(self, channels: int, config: MoVQConfig) -> None:
        super().__init__(config.groups, channels, eps=1e-6)

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        return super().forward(x)


class SpatialNorm(nn.Module):
    """Group normalisation of the decoder, scaled and shifted at every position by the latent there."""

    def __init__(self, channels: int, config: MoVQConfig) -> None:
        super().__init__()
        self.norm_layer = nn.GroupNorm(config.groups, channels, eps=1e-6)
        self.conv_y = nn.Conv2d(config.latent_channels, channels, 1)
        self.conv_b = nn.Conv2d(config.latent_channels, channels, 1)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        # A 1x1 convolution commutes with the nearest resize, and is cheaper before it.
        scale, shift = (_resize(conv(latent), x) for conv in (self.conv_y, self.conv_b))
        return torch.addcmul(shift, self.norm_layer(x), scale)


class ResnetBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(
        self, in_channels: int, out_channels: int, norm: type[nn.Module], config: MoVQConfig
    ) -> None:
        super().__init__()
        self.norm1 = norm(in_channels, config)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = norm(out_channels, config)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.conv_shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, latent: Tensor | None) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x, latent)))
        hidden = self.conv2(F.silu(self.norm2(hidden, latent)))
        return self.conv_shortcut(x) + hidden


class SpatialAttention(nn.Module):
    """Single-head attention over all positions."""

    def __init__(self, channels: int, norm: type[nn.Module], config: MoVQConfig) -> None:
        super().__init__()
        # The layout names the norm by its kind.
        self.group_norm = norm(channels, config) if norm is Norm else None
        self.spatial_norm = norm(channels, config) if norm is SpatialNorm else None
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor, latent: Tensor | None) -> Tensor:
        norm = self.group_norm or self.spatial_norm
        assert norm is not None
        tokens = norm(x, latent).flatten(2).transpose(1, 2)[:, None]  # (B, 1, HW, C)
        attended = F.scaled_dot_product_attention(self.to_q(tokens), self.to_k(tokens), self.to_v(tokens))
        return x + self.to_out[0](attended)[:, 0].transpose(1, 2).reshape(x.shape)


class Resample(nn.Module):
    """A 3x3 convolution that halves (padded right and bottom) or doubles (nearest first) the sides."""

    def __init__(self, channels: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(channels, channels, 3, stride=1 if up else 2, padding=1 if up else 0)

    def forward(self, x: Tensor) -> Tensor:
        resized = F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else F.pad(x, (0, 1, 0, 1))
        return self.conv(resized)


@dataclass(frozen=True)
class LevelKind:
    """Sizes of one resolution level."""

    in_channels: int
    out_channels: int
    num_resnets: int
    attends: bool
    resample: Literal["", "down", "up"]


class Level(nn.Module):
    """One resolution level: ResNets, each followed by attention where the level attends, then resampling."""

    def __init__(self, kind: LevelKind, norm: type[nn.Module], config: MoVQConfig) -> None:
        super().__init__()
        before, out, count = kind.in_channels, kind.out_channels, kind.num_resnets
        self.resnets = nn.ModuleList(
            ResnetBlock(out if j else before, out, norm, config) for j in range(count)
        )
        self.attentions = nn.ModuleList(
            SpatialAttention(out, norm, config) for _ in range(count if kind.attends else 0)
        )
        self.downsamplers = nn.ModuleList([Resample(out, up=False)] if kind.resample == "down" else [])
        self.upsamplers = nn.ModuleList([Resample(out, up=True)] if kind.resample == "up" else [])

    def forward(self, x: Tensor, latent: Tensor | None) -> Tensor:
        for j, resnet in enumerate(self.resnets):
            x = resnet(x, latent)
            if len(self.attentions):
                x = self.attentions[j](x, latent)
        for resample in (*self.downsamplers, *self.upsamplers):
            x = resample(x)
        return x


class MidBlock(nn.Module):
    """ResNet, attention, ResNet at the lowest resolution."""

    def __init__(self, channels: int, norm: type[nn.Module], config: MoVQConfig) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResnetBlock(channels, channels, norm, config) for _ in range(2))
        self.attentions = nn.ModuleList([SpatialAttention(channels, norm, config)])

    def forward(self, x: Tensor, latent: Tensor | None) -> Tensor:
        x = self.attentions[0](self.resnets[0](x, latent), latent)
        return self.resnets[1](x, latent)


class Encoder(nn.Module):
    """Picture to moments of the latent."""

    def __init__(self, config: MoVQConfig) -> None:
        super().__init__()
        widths = config.block_out_channels
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            Level(kind, Norm, config)
            for kind in _levels(widths, config.attention, config.layers_per_block, "down")
        )
        self.mid_block = MidBlock(widths[-1], Norm, config)
        self.conv_norm_out = Norm(widths[-1], config)
        self.conv_out = nn.Conv2d(widths[-1], config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down_blocks:
            x = level(x, None)
        x = self.mid_block(x, None)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Decoder(nn.Module):
    """Latent to picture; every norm sees the latent."""

    def __init__(self, config: MoVQConfig) -> None:
        super().__init__()
        widths = config.block_out_channels[::-1]
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid_block = MidBlock(widths[0], SpatialNorm, config)
        self.up_blocks = nn.ModuleList(
            Level(kind, SpatialNorm, config)
            for kind in _levels(widths, config.attention[::-1], config.layers_per_block + 1, "up")
        )
        self.conv_norm_out = SpatialNorm(widths[-1], config)
        self.conv_out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(x), latent)
        for level in self.up_blocks:
            x = level(x, latent)
        return self.conv_out(F.silu(self.conv_norm_out(x, latent)))


class MoVQ(nn.Module):
    """The autoencoder; module names are those of the diffusers layout, without its unused codebook."""

    def __init__(self, config: MoVQConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.encoder = Encoder(config)
        self.quant_conv = nn.Conv2d(channels, channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, channels, 1)
        self.decoder = Decoder(config)

    def encode(self, pictures: Tensor) -> Tensor:
        """Shapes: pictures (B, 3, H, W) in [-1, 1], sides multiples of 8 -> latents (B, 4, H/8, W/8)."""
        return self.quant_conv(self.encoder(pictures))

    def decode(self, latents: Tensor) -> Tensor:
        """Shapes: latents (B, 4, h, w) -> (B, 3, 8h, 8w), about [-1, 1], not clipped."""
        return self.decoder(self.post_quant_conv(latents), latents)


def _levels(
    widths: tuple[int, ...], attention: tuple[bool, ...], num_resnets: int, resample: Literal["down", "up"]
) -> list[LevelKind]:
    """The levels in the order in which they run; the last one keeps its resolution."""
    befores = (widths[0], *widths)
    last = len(widths) - 1
    return [
        LevelKind(befores[i], out, num_resnets, attention[i], resample if i < last else "")
        for i, out in enumerate(widths)
    ]


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return x if x.shape[2:] == like.shape[2:] else F.interpolate(x, size=like.shape[2:], mode="nearest")
