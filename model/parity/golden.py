"""A file of golden vectors."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from safetensors import safe_open
from torch import Tensor

from model.weights import CheckpointError, StoredTensor

#: What we compute, and what was recorded.
Pairs = Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Golden:
    """The content of one file."""

    file: Path
    config: dict[str, Any]
    tensors: dict[str, Tensor]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads a file. Raises whatever its parsers meet in a damaged one."""
        with safe_open(file, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
            config = json.loads((opened.metadata() or {}).get("config", "{}"))
        if not isinstance(config, dict):
            raise CheckpointError(f"{file}: its config is no JSON object")
        return cls(file, config, tensors)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def holds(self, *names: str) -> bool:
        """Whether each name is that of a tensor or of a key of the configuration."""
        return all(name in self.tensors or name in self.config for name in names)

    def weights(self, prefix: str, rename: Callable[[str], str] = str) -> Iterator[StoredTensor]:
        """Tensors whose names begin with `prefix`, under new names without it."""
        for name, tensor in self.tensors.items():
            if name.startswith(prefix):
                yield StoredTensor(self.file, rename(name.removeprefix(prefix)), tensor)

    def require_form(self, form: str) -> None:
        """Raises CheckpointError when the file was recorded with another stand-in for the network."""
        found = self.config.get("network", form)
        if found != form:
            raise CheckpointError(f"{self.file}: network is {found!r}, not {form!r}")
