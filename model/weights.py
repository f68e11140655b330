"""Tensors from files, straight into a network that was built without memory of its own."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class CheckpointError(ValueError):
    """A checkpoint is incomplete, damaged or of another architecture; the message names file and tensor."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor and the file that it came from."""

    file: Path
    name: str
    tensor: Tensor


def build(make: Callable[[], Network]) -> Network:
    """Builds a network on the meta device, where weights take no memory and no time."""
    with torch.device("meta"):
        return make().requires_grad_(False).eval()


def fill(network: Network, tensors: Iterable[StoredTensor], dtype: torch.dtype, folder: Path) -> Network:
    """Gives a network from `build` its weights, one tensor at a time, so that memory never holds them twice.

    Raises CheckpointError for a tensor that is missing, left over or of the wrong shape.
    """
    wanted = {name: tensor.shape for name, tensor in network.state_dict().items()}
    for stored in tensors:
        shape = wanted.pop(stored.name, None)
        if shape is None:
            raise CheckpointError(f"{stored.file}: unexpected tensor {stored.name!r}")
        if shape != stored.tensor.shape:
            found, expected = tuple(stored.tensor.shape), tuple(shape)
            raise CheckpointError(f"{stored.file}: tensor {stored.name!r} has shape {found}, not {expected}")
        _assign(network, stored.name, stored.tensor.to(dtype))
    if wanted:
        first = sorted(wanted)[0]
        raise CheckpointError(f"{folder}: tensor {first!r} is missing ({len(wanted)} missing in all)")
    return network


def read_safetensors(folder: Path, stem: str, device: torch.device) -> Iterator[StoredTensor]:
    """All tensors of a component of the diffusers layout, from one file or from shards, fp16 variants included."""
    for file in _component_files(folder, stem):
        try:
            with safe_open(file, framework="pt", device=str(device)) as opened:
                for name in opened.keys():  # noqa: SIM118 - not a mapping
                    yield StoredTensor(file, name, opened.get_tensor(name))
        except FileNotFoundError as error:
            raise CheckpointError(f"{file} is missing") from error
        except SafetensorError as error:
            raise CheckpointError(f"{file} is damaged or truncated: {error}") from error


def read_pickled(file: Path) -> dict[str, Any]:
    """A `.pt` or `.bin` file, memory-mapped, as data only: no code in it is run."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{file} is missing") from error
    except Exception as error:  # torch raises whatever its parsers meet in a damaged file
        raise CheckpointError(f"{file} is damaged or truncated: {_first_line(error)}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds a {type(content).__name__}, not a dictionary of tensors")
    return content


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise CheckpointError(f"{file} is missing") from error
    except ValueError as error:
        raise CheckpointError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds no JSON object")
    return content


def _component_files(folder: Path, stem: str) -> list[Path]:
    indexes = (f"{stem}.safetensors.index.json", f"{stem}.safetensors.index.fp16.json")
    for index in (folder / name for name in indexes):
        if index.exists():
            return sorted({folder / name for name in read_json(index)["weight_map"].values()})
    for single in (folder / f"{stem}.safetensors", folder / f"{stem}.fp16.safetensors"):
        if single.exists():
            return [single]
    raise CheckpointError(f"{folder / stem}.safetensors is missing")


def _assign(network: nn.Module, name: str, tensor: Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    owner = network.get_submodule(path)
    owner.register_parameter(leaf, nn.Parameter(tensor, requires_grad=False))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
