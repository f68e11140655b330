"""Folders of checkpoints, whatever they hold, and the pipelines that run them."""

from pathlib import Path

import torch

from model.checkpoint import Loaded, load_checkpoint
from model.original import ORIGINALS
from model.pipeline import Pipeline
from model.upscaler import CLASS as UPSCALER_CLASS
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline
from model.weights import CheckpointError, read_json

INDEX = "model_index.json"
_MARKS = (INDEX, *(files.unet for files in ORIGINALS))


def find_checkpoints(folder: Path) -> list[Path]:
    """The folder itself, or the checkpoints in it by name. Raises CheckpointError when there is none."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    if _is_checkpoint(folder):
        return [folder]
    found = sorted(child for child in folder.iterdir() if _is_checkpoint(child))
    if not found:
        raise CheckpointError(f"{folder} is no checkpoint and holds none: {', '.join(_MARKS)} tell one")
    return found


def enlarges(folder: Path) -> bool:
    """Whether the checkpoint in a folder makes pictures larger, instead of drawing them."""
    index = folder / INDEX
    return index.exists() and read_json(index).get("_class_name") == UPSCALER_CLASS


def load_pipeline(
    folder: Path, device: torch.device, dtype: torch.dtype, loaded: Loaded | None = None
) -> Pipeline | UpscalePipeline:
    """The pipeline of a checkpoint; `loaded` is as for `load_checkpoint`. Raises CheckpointError."""
    if enlarges(folder):
        return UpscalePipeline(load_upscaler(folder, device, dtype))
    return Pipeline(load_checkpoint(folder, device, dtype, loaded))


def _is_checkpoint(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in _MARKS)
