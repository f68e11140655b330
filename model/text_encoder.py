"""Prompts to T5 states, and these to what a U-Net reads (Kandinsky 3.0 Technical Report, section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from model.residency import device_of, use
from model.unet import TextContext

#: Tokens that the encoder reads at most, the end-of-sentence token included.
MAX_TOKENS = 128
#: Id of the end-of-sentence token.
EOS = 1


class Tokenizer(Protocol):
    """The part of a `transformers` tokenizer that is used here."""

    def __call__(
        self, text: list[str], *, truncation: bool, max_length: int
    ) -> dict[str, list[list[int]]]: ...


@dataclass(frozen=True)
class PromptEncoder:
    """Tokenizer and T5 encoder, shared by all U-Nets of a checkpoint."""

    tokenizer: Tokenizer
    network: nn.Module
    max_tokens: int = MAX_TOKENS

    @property
    def width(self) -> int:
        """Width of the states."""
        return self.network.get_parameter("shared.weight").shape[1]

    def tokenize(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of each prompt, cut to `max_tokens`; the last is always the end-of-sentence token."""
        return self.tokenizer(list(prompts), truncation=True, max_length=self.max_tokens)["input_ids"]

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has in full, the end-of-sentence token included."""
        return len(self.tokenizer([text], truncation=False, max_length=self.max_tokens)["input_ids"][0])

    def encode(self, prompts: Sequence[str]) -> list[Tensor]:
        """States of each prompt's own tokens, (n, C), computed in one batch."""
        use(self.network)
        ids = [torch.tensor(tokens) for tokens in self.tokenize(prompts)]
        device = device_of(self.network)
        padded = pad_sequence(ids, batch_first=True).to(device)
        mask = pad_sequence([torch.ones_like(tokens) for tokens in ids], batch_first=True).to(device)
        states = self.network(input_ids=padded, attention_mask=mask).last_hidden_state
        return [row[: len(tokens)] for row, tokens in zip(states, ids, strict=True)]


@dataclass(frozen=True)
class TextConditioner:
    """Projects T5 states for one U-Net, by the convention that this U-Net was published with.

    The original repository zeroes padding after the projection and stands `null_embedding` for an empty text.
    The diffusers pipeline zeroes padding before it, which leaves the projection's bias there, and stands that
    bias for an empty text. One padding token counts in the mean that the U-Net's pooling starts from, so the
    two differ; each prompt here counts its own, never its batch-mates'.
    """

    projection: nn.Module
    #: (context_dim,) of the original layout; None for the convention of diffusers.
    null_embedding: Tensor | None = None
    max_tokens: int = MAX_TOKENS

    def condition(self, states: Tensor, mask: Tensor) -> TextContext:
        """Shapes: states (B, L, encoder_dim), mask (B, L), its ones first -> contexts of length L."""
        kept = mask[:, :, None]
        projected = self.projection(states * kept)
        lengths = mask.sum(dim=1, keepdim=True)
        padding = self.padding(projected)
        counted = (lengths + 1).clamp(max=self.max_tokens)
        mean = ((projected * kept).sum(dim=1) + (counted - lengths) * padding) / counted
        return TextContext(projected, mask.bool(), mean)

    def condition_prompt(self, states: Tensor) -> TextContext:
        """Context of one prompt from its own states (n, encoder_dim)."""
        return self.condition(states[None], torch.ones_like(states[None, :, 0]))

    def condition_negative(self, states: Tensor, num_tokens: int) -> TextContext:
        """Context of a negative prompt, cut to the positive prompt's `num_tokens` and its padding token.

        The original repository gives it the positive prompt's mask, and so lets it attend to padding; that is
        not reproduced.
        """
        length = min(num_tokens + 1, self.max_tokens)
        projected = self.projection(states[:length])[None]
        missing = length - projected.shape[1]
        mean = (projected.sum(dim=1) + missing * self.padding(projected)) / length
        return TextContext(projected, torch.ones_like(projected[:, :, 0], dtype=torch.bool), mean)

    def condition_nothing(self, num_tokens: int) -> TextContext:
        """Context of the empty text, beside a prompt of `num_tokens`."""
        if self.null_embedding is None:
            empty = self.empty()
            mean = empty
        else:
            empty = self.null_embedding[None].to(next(self.projection.parameters()).device)
            mean = empty / min(num_tokens + 1, self.max_tokens)
        return TextContext(empty[None], torch.ones(1, 1, dtype=torch.bool, device=empty.device), mean)

    def empty(self) -> Tensor:
        """The projection of zeros, (1, context_dim): its bias."""
        weight = next(self.projection.parameters())
        return self.projection(weight.new_zeros(1, weight.shape[1]))

    def padding(self, projected: Tensor) -> Tensor:
        """What stands for a padding token, (1, context_dim)."""
        return torch.zeros_like(projected[0, :1]) if self.null_embedding is not None else self.empty()
