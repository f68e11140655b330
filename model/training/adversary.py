"""The adversary of distillation: heads on features of a frozen network (Sauer et al. 2023, section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.layers import Attention, ConditionalGroupNorm, Conditions
from model.unet import TextContext

#: Channels that a norm shares statistics over.
GROUP = 8


@dataclass(frozen=True)
class Judged:
    """What the discriminator sees of B samples."""

    #: Output of each level of the frozen network's down half, (B, C, h, w).
    features: list[Tensor]
    #: Embedding of what the frozen network was told, (B, embed_dim).
    embedding: Tensor
    #: The text, where the network reads any.
    context: TextContext | None = None

    def detach(self) -> "Judged":
        """The same, as a constant."""
        return Judged([part.detach() for part in self.features], self.embedding, self.context)


@dataclass(frozen=True)
class HeadSizes:
    """Sizes of a discriminator's heads; without a width of the text they do not read any."""

    width: int
    embed_dim: int
    context_dim: int | None = None
    head_dim: int = 32


class Head(nn.Module):
    """Scores every position of one level's features (Kandinsky 3.0 Technical Report, figure in 5.1)."""

    def __init__(self, channels: int, sizes: HeadSizes) -> None:
        super().__init__()
        width, context = sizes.width, sizes.context_dim
        self.enter = nn.Sequential(_norm(channels), nn.SiLU(), nn.Conv2d(channels, width, 1))
        self.norm = ConditionalGroupNorm(width // GROUP, width, sizes.embed_dim)
        self.convolution = nn.Conv2d(width, width, 3, padding=1)
        self.text_norm = ConditionalGroupNorm(width // GROUP, width, sizes.embed_dim) if context else None
        self.attention = Attention(width, width, context, sizes.head_dim) if context else None
        self.leave = nn.Sequential(_norm(width), nn.SiLU(), nn.Conv2d(width, 1, 1))

    def forward(self, features: Tensor, embedding: Tensor, context: TextContext | None) -> Tensor:
        """Shapes: features (B, C, h, w), embedding (B, embed_dim) -> scores (B,)."""
        x = self.enter(features)
        x = x + self.convolution(F.silu(_modulate(self.norm, x, embedding)))
        if self.text_norm and self.attention and context:
            tokens = _modulate(self.text_norm, x, embedding).flatten(2).transpose(1, 2)  # (B, hw, width)
            keys, values = self.attention.to_k(context.states), self.attention.to_v(context.states)
            attended = self.attention(tokens, keys, values, context.mask[:, None, None])
            x = x + attended.transpose(1, 2).unflatten(2, x.shape[2:])
        return self.leave(x).mean(dim=(1, 2, 3))


class Discriminator(nn.Module):
    """A head for each level."""

    def __init__(self, channels: Sequence[int], sizes: HeadSizes) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(count, sizes) for count in channels)

    def forward(self, judged: Judged) -> Tensor:
        """Scores (B,), high for real samples: the mean over the heads."""
        # The gradient penalty needs second derivatives, which only this kernel of attention has.
        with sdpa_kernel(SDPBackend.MATH), torch.autocast(judged.embedding.device.type, enabled=False):
            scores = [
                head(features.float(), judged.embedding, judged.context)
                for head, features in zip(self.heads, judged.features, strict=True)
            ]
        return torch.stack(scores).mean(dim=0)


def critic_loss(discriminator: Discriminator, real: Judged, fake: Judged, penalty_weight: float) -> Tensor:
    """Wasserstein loss (Arjovsky et al. 2017), gradient penalty (Mescheder et al. 2018, equation 9).

    The penalty is on the features of real samples, where the heads take them in.
    """
    inputs = [part.float().requires_grad_() for part in real.features]
    score = discriminator(Judged(inputs, real.embedding, real.context))
    gradients = torch.autograd.grad(score.sum(), inputs, create_graph=True)
    penalty = torch.stack([part.square().sum(dim=(1, 2, 3)).mean() for part in gradients]).sum()
    return discriminator(fake).mean() - score.mean() + penalty_weight * penalty


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // GROUP, channels)


def _modulate(norm: ConditionalGroupNorm, x: Tensor, embedding: Tensor) -> Tensor:
    return norm(x, Conditions(norm.context_mlp(embedding), keys_values=embedding, mask=None))
