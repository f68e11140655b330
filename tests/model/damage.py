"""Ways to damage a checkpoint, and what must come of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.checkpoint import load_checkpoint
from model.weights import CheckpointError


def assert_refused(folder: Path, *parts: str) -> None:
    """Loading fails, with one line that has all the parts in it."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder, torch.device("cpu"))
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def edit(file: Path, **fields: object) -> None:
    """Sets fields of a JSON object."""
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def truncate(file: Path, share: float) -> None:
    """Keeps the first part of a file."""
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


def change(file: Path, tensor: str, make: Callable[[Tensor], Tensor]) -> None:
    """Replaces one tensor by what is made of it."""
    weights = load_file(file)
    save_file(weights | {tensor: make(weights[tensor])}, file)


def drop(file: Path, tensor: str) -> None:
    """Leaves one tensor out."""
    weights = load_file(file)
    del weights[tensor]
    save_file(weights, file)
