"""A training run's folder: resumes, saves without ever losing the last save, and logs."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from model.training.config import TrainingConfig


class ConfigurationChanged(ValueError):
    """The folder holds a run of another configuration."""


class Run:
    """The folder of one training configuration."""

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        self.folder = folder
        self.config = config
        folder.mkdir(parents=True, exist_ok=True)

    def require_same(self, *sections: str) -> None:
        """Raises ConfigurationChanged unless the last of these sections was begun with all of them as now.

        The last section is what is trained; those before it are what it builds on.
        """
        path = self.folder / f"{sections[-1]}.json"
        wanted = json.loads(json.dumps({name: asdict(getattr(self.config, name)) for name in sections}))
        if path.exists():
            _require_same(path, wanted)
        else:
            write_atomically(path, json.dumps(wanted, indent=1).encode())

    def load(self, name: str) -> dict[str, Any] | None:
        """The state last saved under a name, or None before the first save."""
        path = self.folder / f"{name}.pt"
        return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Replaces the state saved under a name; a crash in the middle leaves the old one."""
        path = self.folder / f"{name}.pt"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def log(self, stage: str, **values: float) -> None:
        """Appends one line to `metrics.jsonl`."""
        line = json.dumps({"time": round(time.time(), 1), "stage": stage, **values})
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(line + "\n")


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _require_same(path: Path, wanted: dict[str, Any]) -> None:
    found = json.loads(path.read_text())
    for section, field, was, now in _differences(found, wanted):
        raise ConfigurationChanged(
            f"{path} was begun with {section}.{field}={was!r}, not {now!r}: "
            "resume with the same configuration or choose another folder"
        )


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[tuple[str, str, Any, Any]]:
    for section, fields in wanted.items():
        for field, value in fields.items():
            was = found.get(section, {}).get(field)
            if was != value:
                yield section, field, was, value
