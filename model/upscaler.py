"""Checkpoints that make pictures larger: in the layout of our demonstration, and the original files."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch

from model.components import load_network, require_class
from model.multidiffusion import UpscalingSampler
from model.original import load_superres
from model.residency import device_of
from model.serving import FILE
from model.superres import SuperResConfig, SuperResUNet
from model.weights import CheckpointError, build, made_from, read_json

CLASS = "KandiSuperResPipeline"
SCALES = (2, 4)
SAMPLERS: tuple[UpscalingSampler, ...] = get_args(UpscalingSampler)
#: Pictures are sampled with sides that are multiples of this.
STRIDE = 8


@dataclass(frozen=True)
class OriginalUpscaler:
    """A file of KandiSuperRes, and what its network was trained for."""

    #: Name of the model.
    name: str
    network: str
    scale: int
    sampler: UpscalingSampler


ORIGINALS = (
    OriginalUpscaler("kandisuperres-x4", "KandiSuperRes.ckpt", 4, "dpmsolver++"),
    OriginalUpscaler("kandisuperres-x2", "KandiSuperRes_x2.ckpt", 2, "dpmsolver++"),
    OriginalUpscaler("kandisuperres-flash-x2", "KandiSuperRes_flash_x2.pt", 2, "flash"),
)


@dataclass(frozen=True)
class Upscaler:
    """The network of KandiSuperRes, resident on one device, and what it was trained for."""

    name: str
    network: SuperResUNet
    scale: int
    sampler: UpscalingSampler

    @property
    def device(self) -> torch.device:
        """Where the network is evaluated."""
        return device_of(self.network)

    @property
    def dtype(self) -> torch.dtype:
        """The number format of its weights."""
        return self.network.init_conv.weight.dtype


def load_upscaler(place: Path, device: torch.device, dtype: torch.dtype | None = torch.float32) -> Upscaler:
    """Loads a checkpoint from its folder or its original file; a folder of several stands for the first.

    Raises CheckpointError, naming the file and the tensor.
    """
    if not place.exists():
        raise CheckpointError(f"{place} is not a folder or a file")
    for original in ORIGINALS:
        file = place / original.network if place.is_dir() else place
        if file.name == original.network and file.exists():
            return _load_original(file, original, device, dtype)
    return _load_folder(place, device, dtype)


def _load_original(
    file: Path, original: OriginalUpscaler, device: torch.device, dtype: torch.dtype | None
) -> Upscaler:
    network = load_superres(file, device, dtype)
    _require_rgb(file, network)
    return Upscaler(original.name, network, original.scale, original.sampler)


def _load_folder(folder: Path, device: torch.device, dtype: torch.dtype | None) -> Upscaler:
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
    _require_rgb(file, network)
    return network


def _require_rgb(file: Path, network: SuperResUNet) -> None:
    if network.config.channels != 3 or STRIDE % network.config.stride:
        raise CheckpointError(f"{file}: a network of RGB pictures has channels=3 and at most 4 levels")
