"""The Kandinsky 3 U-Net (Kandinsky 3.0 Technical Report, section 3.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers import (
    Attention,
    AttentionBlock,
    AttentionPooling,
    BlockSizes,
    ConditionalGroupNorm,
    Conditions,
    ResNetBlock,
    timestep_embedding,
)
from model.sizes import require_divisible, require_sizes


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of a U-Net; the defaults are those of Kandinsky 3.0."""

    in_channels: int = 4
    out_channels: int = 4
    init_channels: int = 192
    block_out_channels: tuple[int, ...] = (384, 768, 1536, 3072)
    num_blocks: tuple[int, ...] = (3, 3, 3, 3)
    #: Whether the level attends, to itself and to the text.
    attention: tuple[bool, ...] = (False, True, True, True)
    time_embed_dim: int = 1536
    context_dim: int = 4096
    #: Width of the text encoder, which the U-Net's own projection maps to `context_dim`.
    encoder_dim: int = 4096
    groups: int = 32
    head_dim: int = 64
    expansion: int = 4
    compression: int = 2

    def __post_init__(self) -> None:
        require_sizes(vars(self))
        levels = len(self.block_out_channels)
        if not len(self.num_blocks) == len(self.attention) == levels:
            raise ValueError(f"num_blocks and attention need one entry for each of the {levels} levels")
        if min(self.num_blocks) < 2:
            raise ValueError(f"num_blocks={self.num_blocks}: a level needs at least 2 blocks")
        for channels in (self.init_channels, *self.block_out_channels):
            require_divisible("channels", channels, "groups", self.groups)
        require_divisible("time_embed_dim", self.time_embed_dim, "head_dim", self.head_dim)
        widths = (self.init_channels, *self.block_out_channels)
        for level in (level for level in range(levels) if self.attention[level]):
            for channels in widths[level : level + 2]:
                require_divisible("channels", channels, "head_dim", self.head_dim)

    @classmethod
    def from_diffusers(cls, config: dict[str, Any]) -> Self:
        """Reads `unet/config.json` of the diffusers layout."""
        widths = tuple(config["block_out_channels"])
        layers = config.get("layers_per_block", 3)
        return cls(
            in_channels=config["in_channels"],
            out_channels=config.get("out_channels", config["in_channels"]),
            init_channels=widths[0] // 2,
            block_out_channels=widths,
            num_blocks=(layers,) * len(widths) if isinstance(layers, int) else tuple(layers),
            attention=(False,) + (True,) * (len(widths) - 1),
            time_embed_dim=config["time_embedding_dim"],
            context_dim=config["cross_attention_dim"],
            encoder_dim=config["encoder_hid_dim"],
            groups=config["groups"],
            head_dim=config["attention_head_dim"],
        )

    def to_diffusers(self) -> dict[str, Any]:
        """The same as `unet/config.json`; what that file cannot say is fixed by the architecture."""
        # diffusers knows no U-Net with other channels out than in, and warns of the word.
        out_channels = {} if self.out_channels == self.in_channels else {"out_channels": self.out_channels}
        return {
            **out_channels,
            "_class_name": "Kandinsky3UNet",
            "in_channels": self.in_channels,
            "time_embedding_dim": self.time_embed_dim,
            "groups": self.groups,
            "attention_head_dim": self.head_dim,
            "layers_per_block": self.num_blocks[0],
            "block_out_channels": list(self.block_out_channels),
            "cross_attention_dim": self.context_dim,
            "encoder_hid_dim": self.encoder_dim,
        }

    @classmethod
    def from_original(cls, config: dict[str, Any]) -> Self:
        """Reads the keyword arguments of the published repository's U-Net."""
        return cls(
            in_channels=config["num_channels"],
            out_channels=config["out_channels"],
            init_channels=config["init_channels"],
            block_out_channels=tuple(config["model_channels"] * mult for mult in config["dim_mult"]),
            num_blocks=tuple(config["num_blocks"]),
            attention=tuple(config["add_cross_attention"]),
            time_embed_dim=config["time_embed_dim"],
            context_dim=config["context_dim"],
            encoder_dim=config.get("model_dim", config["context_dim"]),
            groups=config["groups"],
            head_dim=config["head_dim"],
            expansion=config["expansion_ratio"],
            compression=config["compression_ratio"],
        )

    @property
    def stride(self) -> int:
        """Latent heights and widths must be multiples of this."""
        return 2 ** (len(self.block_out_channels) - 1)

    @property
    def block_sizes(self) -> BlockSizes:
        """What all blocks have in common."""
        return BlockSizes(self.time_embed_dim, self.groups, self.head_dim, self.expansion, self.compression)


@dataclass(frozen=True)
class TextContext:
    """Projected text of B rows, as the U-Net reads it."""

    #: Tokens, (B, L, context_dim).
    states: Tensor
    #: True where a token may be attended to, (B, L).
    mask: Tensor
    #: Mean over each row's own tokens, its one padding token included, (B, context_dim).
    mean: Tensor


@dataclass(frozen=True)
class TextFeatures:
    """All that the U-Net computes from the text alone, once per prompt."""

    #: Pooled text, added to the time embedding, (B, time_embed_dim).
    pooled: Tensor
    #: Keys and values of every cross-attention, packed, (B, L, K).
    keys_values: Tensor
    #: Number of tokens of each row that may be attended to.
    lengths: tuple[int, ...]

    @classmethod
    def collate(cls, rows: "list[TextFeatures]") -> "TextFeatures":
        """Joins rows of different lengths, padded on the right."""
        longest = max(row.keys_values.shape[1] for row in rows)
        padded = [F.pad(row.keys_values, (0, 0, 0, longest - row.keys_values.shape[1])) for row in rows]
        return cls(
            pooled=torch.cat([row.pooled for row in rows]),
            keys_values=torch.cat(padded),
            lengths=tuple(length for row in rows for length in row.lengths),
        )

    def mask(self) -> Tensor | None:
        """Attention mask (B, 1, 1, L), or None when no row is padded."""
        longest = self.keys_values.shape[1]
        if min(self.lengths) == longest:
            return None
        positions = torch.arange(longest, device=self.pooled.device)
        lengths = torch.tensor(self.lengths, device=self.pooled.device)
        return (positions < lengths[:, None])[:, None, None]


class TimeEmbedding(nn.Module):
    """Two-layer perceptron on the timestep's sinusoids."""

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(in_dim, out_dim)
        self.linear_2 = nn.Linear(out_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_2(F.silu(self.linear_1(x)))


class TextProjection(nn.Module):
    """Maps text encoder states to the U-Net's context; trained with the U-Net, so each has its own."""

    def __init__(self, encoder_dim: int, context_dim: int) -> None:
        super().__init__()
        self.projection_linear = nn.Linear(encoder_dim, context_dim, bias=False)
        self.projection_norm = nn.LayerNorm(context_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.projection_norm(self.projection_linear(x))


class DownBlock(nn.Module):
    """One resolution level on the way down; its last ResNet halves the resolution."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        widths = (config.init_channels, *config.block_out_channels)
        before, out = widths[level], widths[level + 1]
        count, attends = config.num_blocks[level], config.attention[level]
        last = level == len(config.block_out_channels) - 1
        resamples = [""] * (count - 1) + ["" if last else "down"]
        self.attentions = nn.ModuleList([_attention(config, before, attends, cross=False)])
        self.attentions.extend(_attention(config, out, attends, cross=True) for _ in range(count))
        self.resnets_in = nn.ModuleList(_resnet(config, out if j else before, out) for j in range(count))
        self.resnets_out = nn.ModuleList(_resnet(config, out, out, resample) for resample in resamples)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        x = _apply(self.attentions[0], x, conditions)
        for resnet_in, attention, resnet_out in zip(
            self.resnets_in, list(self.attentions)[1:], self.resnets_out, strict=True
        ):
            x = resnet_in(x, conditions)
            x = _apply(attention, x, conditions)
            x = resnet_out(x, conditions)
        return x


class UpBlock(nn.Module):
    """One resolution level on the way up; its first ResNet doubles the resolution."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        widths = (config.init_channels, *config.block_out_channels)
        deepest = level == len(config.block_out_channels) - 1
        inner, out = widths[level + 1], widths[level]
        count, attends = config.num_blocks[level], config.attention[level]
        ins = [inner if deepest else 2 * inner] + [inner] * (count - 1)
        outs = [inner] * (count - 1) + [out]
        resamples = ["" if deepest else "up"] + [""] * (count - 1)
        self.attentions = nn.ModuleList([_attention(config, out, attends, cross=False)])
        self.attentions.extend(_attention(config, width, attends, cross=True) for width in ins)
        self.resnets_in = nn.ModuleList(_resnet(config, c, c, r) for c, r in zip(ins, resamples, strict=True))
        self.resnets_out = nn.ModuleList(_resnet(config, c, o) for c, o in zip(ins, outs, strict=True))

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        for resnet_in, attention, resnet_out in zip(
            self.resnets_in, list(self.attentions)[1:], self.resnets_out, strict=True
        ):
            x = resnet_in(x, conditions)
            x = _apply(attention, x, conditions)
            x = resnet_out(x, conditions)
        return _apply(self.attentions[0], x, conditions)


class UNet(nn.Module):
    """Predicts the noise of latents; module names are those of the diffusers layout.

    There is no middle block: the deepest down block feeds the deepest up block. Every row of a batch has its
    own timestep and its own text length.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        levels = range(len(config.block_out_channels))
        self.conv_in = nn.Conv2d(config.in_channels, config.init_channels, 3, padding=1)
        self.time_embedding = TimeEmbedding(config.init_channels, config.time_embed_dim)
        self.add_time_condition = AttentionPooling(config.time_embed_dim, config.context_dim, config.head_dim)
        self.encoder_hid_proj = TextProjection(config.encoder_dim, config.context_dim)
        self.down_blocks = nn.ModuleList(DownBlock(config, level) for level in levels)
        self.up_blocks = nn.ModuleList(UpBlock(config, level) for level in reversed(levels))
        self.conv_norm_out = nn.GroupNorm(config.groups, config.init_channels)
        self.conv_out = nn.Conv2d(config.init_channels, config.out_channels, 3, padding=1)
        self._norms = [m for m in self.modules() if isinstance(m, ConditionalGroupNorm)]
        self._crosses = [m.attention for m in self.modules() if isinstance(m, AttentionBlock) and m.is_cross]
        self._assign_spans()

    def _assign_spans(self) -> None:
        layers: tuple[Iterable[ConditionalGroupNorm | Attention], ...] = (self._norms, self._crosses)
        for group in layers:
            start = 0
            for layer in group:
                width = layer.span.stop - layer.span.start
                layer.span = slice(start, start + width)
                start += width

    def encode_text(self, context: TextContext) -> TextFeatures:
        """Computes what stays the same over all steps of a sample; call it once per prompt."""
        mask = context.mask[:, None, None]
        weights = [weight for cross in self._crosses for weight in (cross.to_k.weight, cross.to_v.weight)]
        return TextFeatures(
            pooled=self.add_time_condition(context.states, context.mean, mask),
            keys_values=torch.cat([F.linear(context.states, weight) for weight in weights], dim=2),
            lengths=tuple(context.mask.sum(dim=1).tolist()),
        )

    def forward(self, x: Tensor, timesteps: Tensor, text: TextFeatures, mask: Tensor | None = None) -> Tensor:
        """Predicts noise.

        Shapes: x (B, in_channels, h, w) with h and w multiples of `config.stride`, timesteps (B,) in 0..999,
        mask as made by `text.mask()` -> (B, out_channels, h, w).
        """
        conditions = self.condition(timesteps, text, mask)
        skips = self.descend(x, conditions)
        x = skips[-1]
        for level, up in enumerate(self.up_blocks):
            skip = skips.pop()
            x = up(torch.cat([x, skip], dim=1) if level else x, conditions)
        return self.conv_out(F.silu(self.conv_norm_out(x)))

    def condition(self, timesteps: Tensor, text: TextFeatures, mask: Tensor | None = None) -> Conditions:
        """What all blocks are conditioned on, from the same arguments as `forward`."""
        return Conditions(self._modulation(self.embed(timesteps, text)), text.keys_values, mask)

    def embed(self, timesteps: Tensor, text: TextFeatures) -> Tensor:
        """Embedding of timestep and pooled text, (B, time_embed_dim)."""
        sinusoids = timestep_embedding(timesteps, self.config.init_channels).to(self.conv_in.weight.dtype)
        return self.time_embedding(sinusoids) + text.pooled

    def descend(self, x: Tensor, conditions: Conditions) -> list[Tensor]:
        """What each level on the way down makes of x (B, in_channels, h, w), the deepest last."""
        x = self.conv_in(x)
        skips: list[Tensor] = []
        for down in self.down_blocks:
            x = down(x, conditions)
            skips.append(x)
        return skips

    def _modulation(self, embedding: Tensor) -> Tensor:
        activated = F.silu(embedding)
        return torch.cat([norm.linear(activated) for norm in self._norms], dim=1)


def _resnet(config: UNetConfig, in_channels: int, out_channels: int, resample: str = "") -> ResNetBlock:
    return ResNetBlock(in_channels, out_channels, config.block_sizes, resample)


def _attention(config: UNetConfig, channels: int, attends: bool, *, cross: bool) -> nn.Module:
    if not attends:
        return nn.Identity()
    return AttentionBlock(channels, config.block_sizes, config.context_dim if cross else None)


def _apply(attention: nn.Module, x: Tensor, conditions: Conditions) -> Tensor:
    return x if isinstance(attention, nn.Identity) else attention(x, conditions)
