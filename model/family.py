"""Folders of checkpoints, whatever they hold, and the pipelines that run them."""

from dataclasses import dataclass
from pathlib import Path

import torch

from model import original, upscaler
from model.checkpoint import INDEX, load_checkpoint
from model.components import Loaded
from model.pipeline import Pipeline
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline
from model.weights import CheckpointError, read_json

#: Names of the models that original files hold, by the names of these.
ORIGINALS = {files.unet: files.name for files in original.ORIGINALS} | {
    file.network: file.name for file in upscaler.ORIGINALS
}
#: How far down folders are looked through.
MAX_DEPTH = 2


@dataclass(frozen=True)
class Found:
    """A model that is on a disk."""

    #: What it is called in requests.
    name: str
    #: Its folder; of an original model, which shares a folder with others, the file of its U-Net.
    place: Path

    @property
    def folder(self) -> Path:
        """The folder that its files lie in."""
        return self.place if self.place.is_dir() else self.place.parent

    @property
    def enlarges(self) -> bool:
        """Whether it makes pictures larger, instead of drawing them. Raises CheckpointError."""
        if self.place.is_file():
            return any(self.place.name == file.network for file in upscaler.ORIGINALS)
        return read_json(self.place / INDEX).get("_class_name") == upscaler.CLASS


def find_checkpoints(place: Path) -> list[Found]:
    """The models in a folder, or in the folders in it, by name; of an original file, the model in it.

    Raises CheckpointError when there is none.
    """
    if place.name in ORIGINALS and place.is_file():
        return [Found(ORIGINALS[place.name], place)]
    if not place.is_dir():
        raise CheckpointError(f"{place} is not a folder")
    found = _find(place, MAX_DEPTH)
    if not found:
        marks = ", ".join([INDEX, *ORIGINALS])
        raise CheckpointError(f"{place} is no checkpoint and holds none: {marks} tell one")
    return found


def load_pipeline(
    found: Found, device: torch.device, dtype: torch.dtype, loaded: Loaded | None = None
) -> Pipeline | UpscalePipeline:
    """The pipeline of a model; `loaded` is as for `load_checkpoint`. Raises CheckpointError."""
    if found.enlarges:
        return UpscalePipeline(load_upscaler(found.place, device, dtype))
    return Pipeline(load_checkpoint(found.place, device, dtype, loaded))


def _find(folder: Path, depth: int) -> list[Found]:
    if (folder / INDEX).exists():
        return [Found(folder.resolve().name, folder)]
    originals = [Found(name, folder / file) for file, name in ORIGINALS.items() if (folder / file).exists()]
    if originals or not depth:
        return originals
    within = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    return [found for child in within for found in _find(child, depth - 1)]
