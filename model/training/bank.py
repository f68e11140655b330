"""Rendered compositions in memory, the training data of every stage."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.training.compositions import render_bank
from model.training.config import TrainingConfig
from model.training.pictures import common_objects, load_pictures

#: Compositions that no stage trains on.
NUM_HELD_OUT = 128


class Bank:
    """Pictures and captions of one configuration; the same seed gives the same bank and the same batches."""

    def __init__(self, config: TrainingConfig) -> None:
        pictures = load_pictures(common_objects() if config.common_objects_only else None)
        count = config.bank_size + NUM_HELD_OUT
        pixels, captions = render_bank(config.compositions, pictures, count, config.side, config.seed)
        self.pixels, self.captions = pixels[NUM_HELD_OUT:], captions[NUM_HELD_OUT:]
        self.held_out = to_tensor(pixels[:NUM_HELD_OUT])
        self.seed = config.seed

    def __len__(self) -> int:
        return len(self.captions)

    def indices(self, size: int, step: int) -> NDArray[np.int64]:
        """Which compositions a step trains on, (size,)."""
        return np.random.default_rng((self.seed, step)).integers(0, len(self), size)

    def batch(self, size: int, step: int) -> Tensor:
        """The pictures of a step, (size, 3, side, side) in [-1, 1]."""
        return to_tensor(self.pixels[self.indices(size, step)])


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) bytes -> (N, 3, H, W) fp32 in [-1, 1], in that order in memory too.

    Group normalisation of small groups is many times slower, on a CPU, in the order of the bytes.
    """
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
