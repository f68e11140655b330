"""A set of weights: a folder with some of the family's checkpoints, which are loaded when they are used."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from model.checkpoint import load_checkpoint
from model.components import Loaded
from model.pipeline import Pipeline
from model.training.export import BASE, EXPORTS
from model.training.pictures import Style
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline

MODELS = tuple(EXPORTS)


class NoCheckpoints(FileNotFoundError):
    """A folder holds no checkpoint of the family."""


@dataclass(frozen=True)
class Weights:
    """The checkpoints of a folder, and what the table calls them. Raises NoCheckpoints without any."""

    name: str
    folder: Path
    device: torch.device
    _components: Loaded = field(default_factory=Loaded)
    _loaded: dict[str, Pipeline | UpscalePipeline] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not any(self.has(model) for model in MODELS):
            raise NoCheckpoints(f"{self.folder} has none of the folders {', '.join(MODELS)}")

    def has(self, model: str) -> bool:
        """Whether the folder holds the model."""
        return (self.folder / model / "model_index.json").is_file()

    def drawing(self, model: str) -> Pipeline | None:
        """The pipeline of a model that draws, or None without its checkpoint."""
        if self.has(model) and model not in self._loaded:
            checkpoint = load_checkpoint(self.folder / model, self.device, loaded=self._components)
            self._loaded[model] = Pipeline(checkpoint)
        pipeline = self._loaded.get(model)
        assert not isinstance(pipeline, UpscalePipeline)
        return pipeline

    def upscaling(self, model: str) -> UpscalePipeline | None:
        """The pipeline of a model that enlarges, or None without its checkpoint."""
        if self.has(model) and model not in self._loaded:
            self._loaded[model] = UpscalePipeline(load_upscaler(self.folder / model, self.device))
        pipeline = self._loaded.get(model)
        assert not isinstance(pipeline, Pipeline)
        return pipeline

    @property
    def knows_all_objects(self) -> bool:
        """Whether the base was trained on all objects, not only on the common ones."""
        return not self._data.get("common_objects_only", True)

    def knows_style(self, style: Style) -> bool:
        """Whether the base was trained on pictures in the style."""
        return style == "3d" or self._data.get("compositions", {}).get(f"{style}_share", 0) > 0

    @cached_property
    def _data(self) -> dict[str, Any]:
        """What the base says of the data that it was trained on."""
        file = self.folder / BASE / "training.json"
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        data: dict[str, Any] = content.get("data", {})
        return data
