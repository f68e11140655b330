"""Rendered compositions in memory, the training data of every stage."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.training.compositions import Frame, Pictures, render_bank
from model.training.config import DataConfig
from model.training.pictures import PICTURES_FOLDER, STYLES, common_objects, load_pictures


class Bank:
    """Pictures of one size and their captions; the same seed gives the same bank and the same batches."""

    def __init__(self, config: DataConfig, frame: Frame, count: int, folder: Path = PICTURES_FOLDER) -> None:
        pixels, captions = render_bank(
            config.compositions,
            all_pictures(config.common_objects_only, folder),
            count + config.num_held_out,
            frame,
            config.seed,
        )
        self.pixels, self.captions = pixels[config.num_held_out :], captions[config.num_held_out :]
        known = {picture.tobytes() for picture in self.pixels}
        unknown = [picture for picture in pixels[: config.num_held_out] if picture.tobytes() not in known]
        #: Compositions that no stage trains on; there are few sizes and places, so some come twice.
        self.held_out = to_tensor(np.stack(unknown))
        self.seed = config.seed

    def __len__(self) -> int:
        return len(self.captions)

    def indices(self, size: int, step: int) -> NDArray[np.int64]:
        """Which compositions a step trains on, (size,)."""
        return np.random.default_rng((self.seed, step)).integers(0, len(self), size)

    def batch(self, size: int, step: int) -> Tensor:
        """The pictures of a step, (size, 3, height, width) in [-1, 1]."""
        return to_tensor(self.pixels[self.indices(size, step)])


@cache
def all_pictures(common_objects_only: bool, folder: Path) -> Pictures:
    """The objects in every style. Raises PicturesMissing without the data."""
    objects = common_objects() if common_objects_only else None
    return {style: load_pictures(objects, style, folder) for style in STYLES}


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) bytes -> (N, 3, H, W) fp32 in [-1, 1], in that order in memory too.

    Group normalisation of small groups is many times slower, on a CPU, in the order of the bytes.
    """
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
