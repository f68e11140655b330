"""Building blocks of the Kandinsky 3 U-Net (Kandinsky 3.0 Technical Report, section 3.2)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def timestep_embedding(timesteps: Tensor, dim: int) -> Tensor:
    """Sinusoids of raw timesteps, sines first; the last frequency is exactly 1/10000.

    Shapes: timesteps (B,) -> (B, dim). Computed and returned in fp32, whatever the network's dtype.
    """
    half = dim // 2
    exponents = torch.arange(half, device=timesteps.device, dtype=torch.float32) / (half - 1)
    angles = timesteps.float()[:, None] * torch.exp(-math.log(10_000) * exponents)[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@dataclass(frozen=True)
class Conditions:
    """What the blocks of the U-Net are conditioned on, for one evaluation of B rows.

    Both tensors are packed over the layers, so that one matrix product computes them for the whole network;
    each layer reads its own slice.
    """

    #: Scales and shifts of every conditional norm, (B, sum of 2 C).
    modulation: Tensor
    #: Keys and values of every cross-attention, (B, L, sum of 2 C).
    keys_values: Tensor
    #: True where a text token may be attended to, (B, 1, 1, L); None when no row has padding.
    mask: Tensor | None


class ConditionalGroupNorm(nn.Module):
    """Group normalisation whose scale and shift come from the time and text embedding."""

    def __init__(self, groups: int, channels: int, embed_dim: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, affine=False)
        self.context_mlp = nn.Sequential(nn.SiLU(), nn.Linear(embed_dim, 2 * channels))
        self.span = slice(0, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    @property
    def linear(self) -> nn.Linear:
        """The layer that makes this norm's scale and shift."""
        layer = self.context_mlp[1]
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        scale, shift = conditions.modulation[:, self.span, None, None].chunk(2, dim=1)  # (B, C, 1, 1)
        return torch.addcmul(shift, self.norm(x), scale + 1)


class Attention(nn.Module):
    """Multi-head attention without biases."""

    def __init__(self, in_channels: int, out_channels: int, context_dim: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.to_q = nn.Linear(in_channels, out_channels, bias=False)
        self.to_k = nn.Linear(context_dim, out_channels, bias=False)
        self.to_v = nn.Linear(context_dim, out_channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(out_channels, out_channels, bias=False)])
        self.span = slice(0, 2 * out_channels)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend from x (B, N, C_in) to projected keys and values (B, L, C_out); returns (B, N, C_out)."""
        query, keys, values = (self._heads(part) for part in (self.to_q(x), keys, values))  # (B, H, N, D)
        attended = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return self.to_out[0](attended.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (-1, self.head_dim)).transpose(1, 2)


class AttentionPooling(nn.Module):
    """Pools the text into one token, whose query is the mean of the text."""

    def __init__(self, channels: int, context_dim: int, head_dim: int) -> None:
        super().__init__()
        self.attention = Attention(context_dim, channels, context_dim, head_dim)

    def forward(self, states: Tensor, mean: Tensor, mask: Tensor | None) -> Tensor:
        """Shapes: states (B, L, C), mean (B, C), mask (B, 1, 1, L) -> (B, channels)."""
        attend = self.attention
        return attend(mean[:, None], attend.to_k(states), attend.to_v(states), mask)[:, 0]


class Block(nn.Module):
    """Norm, SiLU, optional upsampling, convolution, optional downsampling."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, norm: ConditionalGroupNorm, resample: str = ""
    ) -> None:
        super().__init__()
        self.group_norm = norm
        self.up_sample = _up(in_channels) if resample == "up" else nn.Identity()
        self.projection = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
        self.down_sample = _down(out_channels) if resample == "down" else nn.Identity()

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        x = F.silu(self.group_norm(x, conditions))
        return self.down_sample(self.projection(self.up_sample(x)))


@dataclass(frozen=True)
class BlockSizes:
    """Sizes that all blocks of a U-Net have in common."""

    #: Width of the time and text embedding.
    embed_dim: int
    groups: int
    head_dim: int
    #: How much wider the feed-forward is inside than outside.
    expansion: int
    #: How much narrower a ResNet is inside than outside.
    compression: int


class ResNetBlock(nn.Module):
    """BigGAN-deep bottleneck of four blocks with a learned, resampling shortcut."""

    def __init__(self, in_channels: int, out_channels: int, sizes: BlockSizes, resample: str = "") -> None:
        super().__init__()
        hidden = max(in_channels, out_channels) // sizes.compression
        widths = [in_channels, hidden, hidden, hidden, out_channels]
        self.resnet_blocks = nn.ModuleList(
            Block(
                widths[i],
                widths[i + 1],
                kernel,
                ConditionalGroupNorm(sizes.groups, widths[i], sizes.embed_dim),
                resample if (i, resample) in {(1, "up"), (2, "down")} else "",
            )
            for i, kernel in enumerate((1, 3, 3, 1))
        )
        same = in_channels == out_channels
        self.shortcut_up_sample = _up(in_channels) if resample == "up" else nn.Identity()
        self.shortcut_projection = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)
        self.shortcut_down_sample = _down(out_channels) if resample == "down" else nn.Identity()

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        shortcut = self.shortcut_down_sample(self.shortcut_projection(self.shortcut_up_sample(x)))
        for block in self.resnet_blocks:
            x = block(x, conditions)
        return shortcut + x


class AttentionBlock(nn.Module):
    """Attention to the picture itself or to the text, then a convolutional feed-forward, both residual."""

    def __init__(self, channels: int, sizes: BlockSizes, context_dim: int | None = None) -> None:
        super().__init__()
        self.is_cross = context_dim is not None
        self.in_norm = ConditionalGroupNorm(sizes.groups, channels, sizes.embed_dim)
        self.attention = Attention(channels, channels, context_dim or channels, sizes.head_dim)
        self.out_norm = ConditionalGroupNorm(sizes.groups, channels, sizes.embed_dim)
        hidden = sizes.expansion * channels
        self.feed_forward = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.SiLU(),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        height, width = x.shape[2:]
        tokens = self.in_norm(x, conditions).flatten(2).transpose(1, 2)  # (B, HW, C)
        attended = self._attend(tokens, conditions).transpose(1, 2)  # (B, C, HW)
        x = x + attended.unflatten(2, (height, width))
        return x + self.feed_forward(self.out_norm(x, conditions))

    def _attend(self, tokens: Tensor, conditions: Conditions) -> Tensor:
        attend = self.attention
        if not self.is_cross:
            return attend(tokens, attend.to_k(tokens), attend.to_v(tokens))
        keys, values = conditions.keys_values[:, :, attend.span].chunk(2, dim=2)
        return attend(tokens, keys, values, conditions.mask)


def _up(channels: int) -> nn.Module:
    return nn.ConvTranspose2d(channels, channels, 2, stride=2)


def _down(channels: int) -> nn.Module:
    return nn.Conv2d(channels, channels, 2, stride=2)
