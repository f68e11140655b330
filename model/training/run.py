"""A training run's folder: resumes, saves without ever losing the last save, and logs."""

import io
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.training.config import TrainingConfig
from model.training.pictures import PICTURES_FOLDER


class ConfigurationChanged(ValueError):
    """The folder holds a run of another configuration."""


class NotTrained(FileNotFoundError):
    """A part was never saved."""


class Unfinished(ValueError):
    """A part is to build on one that is not complete."""


class Run:
    """The folder of one training configuration."""

    def __init__(self, folder: Path, config: TrainingConfig, pictures: Path = PICTURES_FOLDER) -> None:
        self.folder = folder
        self.config = config
        #: Where the picture data is.
        self.pictures = pictures

    def begin(self, *sections: str) -> None:
        """Notes that the last of these sections is trained on top of the others.

        Raises ConfigurationChanged if it was begun with one of them other than now.
        """
        self.require_same(*sections)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._guard(sections[-1]), json.dumps(self._plain(sections), indent=1).encode())

    def require_same(self, *sections: str) -> None:
        """Raises ConfigurationChanged if one of these sections was begun with another configuration.

        Each builds on those before it.
        """
        for count, section in enumerate(sections, start=1):
            path = self._guard(section)
            found = json.loads(path.read_text()) if path.exists() else self._plain(sections[:count])
            for name, was, now in _differences(found, self._plain(sections[:count])):
                raise ConfigurationChanged(
                    f"{path} was begun with {name}={was!r}, not {now!r}: "
                    "resume with the same configuration or choose another folder"
                )

    def require_complete(self, name: str, num_steps: int) -> None:
        """Raises Unfinished unless a stage was trained to its end."""
        num_done = (self.load(name) or {"step": 0})["step"]
        if num_done < num_steps:
            raise Unfinished(
                f"{self.folder}: {name} is at step {num_done} of {num_steps}: train it to its end first"
            )

    def load(self, name: str) -> dict[str, Any] | None:
        """The state last saved under a name, or None before the first save."""
        path = self.folder / f"{name}.pt"
        return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None

    def load_average(self, name: str) -> dict[str, Tensor]:
        """The averaged weights last saved under a name. Raises NotTrained before the first save."""
        state = self.load(name)
        if state is None:
            raise NotTrained(f"{self.folder} has no trained {name} yet")
        average: dict[str, Tensor] = state["average"]
        return average

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Replaces the state saved under a name; a crash in the middle leaves the old one."""
        content = io.BytesIO()
        torch.save(state, content)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / f"{name}.pt", content.getbuffer())

    def log(self, stage: str, **values: float) -> None:
        """Appends one line to `metrics.jsonl`."""
        line = json.dumps({"time": round(time.time(), 1), "stage": stage, **values})
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(line + "\n")

    def _guard(self, section: str) -> Path:
        return self.folder / f"{section}.json"

    def _plain(self, sections: tuple[str, ...]) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(
            json.dumps({name: asdict(getattr(self.config, name)) for name in sections})
        )
        return plain


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Writes a file so that it is there whole or not at all, also after a power cut."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_folder(path.parent)


def copy_atomically(source: Path, folder: Path) -> None:
    """Copies a folder so that it is there whole or not at all; one that is there already is replaced."""
    partial, old = (folder.with_name(f"{folder.name}.{state}") for state in ("partial", "old"))
    for left_over in (partial, old):
        shutil.rmtree(left_over, ignore_errors=True)
    for file in source.rglob("*"):
        if file.is_file():
            copied = partial / file.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(copied, file.read_bytes())
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    _sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    """Makes renames in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _differences(was: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Names of the values that differ, such as `base.unet.groups`, with both values."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        if was != now:
            yield name, was, now
        return
    for key in {**was, **now}:
        yield from _differences(was.get(key), now.get(key), f"{name}.{key}" if name else key)
