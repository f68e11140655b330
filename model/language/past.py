"""Keys and values of what a batch has read, as tensors of one cache that grows by a token a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

#: Keys and values of one layer, each (heads, n, C).
Layer = tuple[Tensor, Tensor]


@dataclass(eq=False)
class Past:
    """The cache of a batch; its rows are of one length, with padding where the mask is 0."""

    cache: Any
    #: (B, L): 1 for tokens, 0 for padding, which comes before them: some networks count places in the cache.
    mask: Tensor

    @classmethod
    def empty(cls, num_rows: int, device: torch.device) -> "Past":
        """The cache of a batch that has read nothing."""
        return cls(DynamicCache(), torch.ones(num_rows, 0, dtype=torch.long, device=device))

    @property
    def num_rows(self) -> int:
        return len(self.mask)

    @property
    def length(self) -> int:
        """Tokens of each row, padding included."""
        return self.mask.shape[1]

    def mask_with(self, added: Tensor) -> Tensor:
        """The mask when more was read; it becomes that of the cache when what follows has gone well."""
        return torch.cat([self.mask, added], dim=1)

    def row(self, index: int) -> list[Layer]:
        """A row's keys and values without padding, layer by layer."""
        kept = self.mask[index].bool()
        return [
            (layer.keys[index, :, : self.length][:, kept], layer.values[index, :, : self.length][:, kept])
            for layer in self.cache.layers
        ]

    def trim(self) -> None:
        """Takes back what a failed evaluation has left in some of the layers."""
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[:, :, : self.length], layer.values[:, :, : self.length]


def joined(rows: Sequence[list[Layer]]) -> Past:
    """A cache of rows of any lengths, padded on the left."""
    lengths = [row[0][0].shape[1] for row in rows]
    layers = []
    for index in range(len(rows[0])):
        keys, values = zip(*(row[index] for row in rows), strict=True)
        layers.append((_padded(keys), _padded(values)))
    ones = [torch.ones(length, dtype=torch.long, device=layers[0][0].device) for length in lengths]
    return Past(DynamicCache(layers), pad_sequence(ones, batch_first=True, padding_side="left"))


def shortened(row: list[Layer], length: int) -> list[Layer]:
    """Keys and values of the first tokens of a row."""
    return [(keys[:, :length], values[:, :length]) for keys, values in row]


def _padded(parts: Sequence[Tensor]) -> Tensor:
    """(heads, n, C) of several n -> (B, heads, L, C)."""
    padded = pad_sequence([part.transpose(0, 1) for part in parts], batch_first=True, padding_side="left")
    return padded.transpose(1, 2)
