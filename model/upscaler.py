"""Checkpoints that make pictures larger, in the layout of our demonstration."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch

from model.components import load_network, require_class
from model.multidiffusion import UpscalingSampler
from model.serving import FILE
from model.superres import SuperResConfig, SuperResUNet
from model.weights import CheckpointError, build, made_from, read_json

CLASS = "KandiSuperResPipeline"
SCALES = (2, 4)
SAMPLERS: tuple[UpscalingSampler, ...] = get_args(UpscalingSampler)
#: Pictures are sampled with sides that are multiples of this.
STRIDE = 8


@dataclass(frozen=True)
class Upscaler:
    """The network of KandiSuperRes, resident on one device, and what it was trained for."""

    name: str
    network: SuperResUNet
    scale: int
    sampler: UpscalingSampler

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.init_conv.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The number format of its weights."""
        return self.network.init_conv.weight.dtype


def load_upscaler(folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> Upscaler:
    """Loads a checkpoint. Raises CheckpointError, naming the file and the tensor."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    require_class(folder / "model_index.json", CLASS)
    file = folder / FILE
    serving = read_json(file)
    scale, sampler = serving.get("scale"), serving.get("sampler", SAMPLERS[0])
    if scale not in SCALES:
        raise CheckpointError(f"{file}: scale is {scale!r}, not 2 or 4")
    if sampler not in SAMPLERS:
        raise CheckpointError(f"{file}: sampler {sampler!r} is none of {', '.join(SAMPLERS)}")
    network = load_network(folder / "unet", _build, device, dtype)
    return Upscaler(folder.resolve().name, network, scale, sampler)


def _build(file: Path) -> SuperResUNet:
    config = require_class(file, "SuperResUNet")
    network = made_from(file, lambda: build(lambda: SuperResUNet(SuperResConfig.from_json(config))))
    if network.config.channels != 3 or STRIDE % network.config.stride:
        raise CheckpointError(f"{file}: a network of RGB pictures has channels=3 and at most 4 levels")
    return network
