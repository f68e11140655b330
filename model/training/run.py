"""A training run's folder: resumes, saves without ever losing the last save, logs, and shows its progress."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.training.config import StageConfig, TrainingConfig


class ConfigurationChanged(ValueError):
    """The folder holds a run of another configuration."""


class Run:
    """The folder of one training configuration."""

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        self.folder = folder
        self.config = config
        folder.mkdir(parents=True, exist_ok=True)
        path, wanted = folder / "config.json", json.loads(json.dumps(asdict(config)))
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


def steps(title: str, first: int, stage: StageConfig, deadline: float) -> Iterator[tuple[int, Progress]]:
    """Counts the steps that are left, under a progress bar, until the last one or the deadline (seconds)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), refresh_per_second=1) as progress:
        task = progress.add_task(title, total=stage.num_steps, completed=first, note="")
        for step in range(first, stage.num_steps):
            if time.monotonic() > deadline:
                return
            yield step, progress
            progress.advance(task)


def learning_rate(step: int, stage: StageConfig) -> float:
    """Linear warm-up, then a cosine down to a twentieth."""
    if step < stage.warmup_steps:
        return stage.learning_rate * (step + 1) / stage.warmup_steps
    done = (step - stage.warmup_steps) / max(1, stage.num_steps - stage.warmup_steps)
    cosine = 0.5 * (1 + torch.cos(torch.tensor(done * torch.pi)).item())
    return stage.learning_rate * (0.05 + 0.95 * cosine)


@torch.no_grad()
def update_ema(average: torch.nn.Module, network: torch.nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights towards the network's; short runs forget their start faster."""
    decay = min(decay, (step + 1) / (step + 10))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def _require_same(path: Path, wanted: dict[str, Any]) -> None:
    found = json.loads(path.read_text())
    for key, value in wanted.items():
        if found.get(key) != value:
            raise ConfigurationChanged(
                f"{path} was started with {key}={found.get(key)!r}, not {value!r}: "
                "resume with the same configuration or choose another folder"
            )
