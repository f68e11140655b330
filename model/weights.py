"""Tensors from files, straight into a network that was built without memory of its own."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
Made = TypeVar("Made")


class CheckpointError(ValueError):
    """A checkpoint is incomplete, damaged or of another architecture; the message names file and tensor."""

    def __init__(self, *faults: str) -> None:
        first, *others = faults
        super().__init__(f"{first} (and {len(others)} more faults)" if others else first)
        #: All that is wrong, the first of which is the message.
        self.faults = faults


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


def assign(network: nn.Module, name: str, tensor: Tensor) -> None:
    """Gives a network one of its weights."""
    path, _, leaf = name.rpartition(".")
    owner = network.get_submodule(path)
    owner.register_parameter(leaf, nn.Parameter(tensor, requires_grad=False))


def fill(
    network: Network,
    tensors: Iterable[StoredTensor],
    dtype: torch.dtype | None,
    folder: Path,
    put: Callable[[nn.Module, str, Tensor], None] = assign,
) -> Network:
    """Gives a network from `build` its weights, one tensor at a time, so that memory never holds them twice.

    Each is put in its place by `put`. Without a dtype they stay as they are stored, and on the CPU in their
    files. On the meta device nothing but names and shapes is read, which finds every fault too.

    Raises CheckpointError for tensors that are missing, left over, of the wrong shape or not of fractions.
    """
    wanted = {name: tensor.shape for name, tensor in network.named_parameters()}
    faults = []
    for stored in tensors:
        if fault := _fault(stored, wanted.pop(stored.name, None)):
            faults.append(fault)
        elif not faults:
            put(network, stored.name, stored.tensor.to(dtype or stored.tensor.dtype))
    faults += [f"{folder}: tensor {name!r} is missing" for name in sorted(wanted)]
    if faults:
        raise CheckpointError(*faults)
    return network


def made_from(file: Path, make: Callable[[], Made]) -> Made:
    """What `make` makes of the content of a file. Raises CheckpointError, naming the file, when it cannot."""
    try:
        return make()
    except CheckpointError:
        raise
    except KeyError as error:
        raise CheckpointError(f"{file}: {error} is missing") from error
    except Exception as error:  # a value of the wrong kind makes constructors raise anything
        raise CheckpointError(f"{file}: {_first_line(error)}") from error


def read_safetensors(folder: Path, stem: str, device: torch.device) -> Iterator[StoredTensor]:
    """All tensors of a component, from one file or from shards, fp16 variants included."""
    for file in _component_files(folder, stem, "safetensors"):
        yield from read_safetensors_file(file, device)


def read_safetensors_file(file: Path, device: torch.device) -> Iterator[StoredTensor]:
    """All tensors of one file."""
    place = "cpu" if device.type == "meta" else str(device)
    try:
        with safe_open(file, framework="pt", device=place) as opened:
            for name in opened.keys():  # noqa: SIM118 - not a mapping
                yield StoredTensor(file, name, opened.get_tensor(name).to(device))
    except SafetensorError as error:
        raise CheckpointError(f"{file} is damaged or truncated: {error}") from error
    except OSError as error:
        raise CheckpointError(_unreadable(file, error)) from error


def read_pickled(folder: Path, stem: str, device: torch.device) -> Iterator[StoredTensor]:
    """The same from `.bin` files."""
    for file in _component_files(folder, stem, "bin"):
        yield from stored_tensors(file, load_pickled(file), device)


def load_pickled(file: Path) -> dict[str, Any]:
    """A `.pt` or `.bin` file, memory-mapped where its format allows, as data only: no code in it is run."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise CheckpointError(_unreadable(file, error)) from error
    except Exception as error:  # torch raises whatever its parsers meet in a damaged file
        raise CheckpointError(f"{file} is damaged or truncated: {_first_line(error)}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds a {type(content).__name__}, not a dictionary of tensors")
    return content


def stored_tensors(
    file: Path, weights: dict[Any, Any], device: torch.device, rename: Callable[[str], str] = str
) -> Iterator[StoredTensor]:
    """Tensors of a pickled dictionary under their new names, each moved to the device when its turn comes."""
    for name, tensor in weights.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(f"{file}: entry {name!r} is a {type(tensor).__name__}, not a named tensor")
        yield StoredTensor(file, rename(name), tensor.to(device))


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(_unreadable(file, error)) from error
    except ValueError as error:
        raise CheckpointError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds no JSON object")
    return content


def _component_files(folder: Path, stem: str, suffix: str) -> list[Path]:
    for index in (f"{stem}.{suffix}.index.json", f"{stem}.{suffix}.index.fp16.json"):
        if (folder / index).exists():
            return _shards(folder / index)
    for single in (folder / f"{stem}.{suffix}", folder / f"{stem}.fp16.{suffix}"):
        if single.exists():
            return [single]
    raise CheckpointError(f"{folder / stem}.{suffix} is missing")


def _shards(index: Path) -> list[Path]:
    content = read_json(index)
    return made_from(index, lambda: sorted({index.parent / name for name in content["weight_map"].values()}))


def _fault(stored: StoredTensor, shape: torch.Size | None) -> str | None:
    """What is wrong with a tensor where one of that shape, or none, is wanted."""
    if shape is None:
        return f"{stored.file}: unexpected tensor {stored.name!r}"
    if shape != stored.tensor.shape:
        found, expected = tuple(stored.tensor.shape), tuple(shape)
        return f"{stored.file}: tensor {stored.name!r} has shape {found}, not {expected}"
    if not stored.tensor.is_floating_point():
        return f"{stored.file}: tensor {stored.name!r} is of {stored.tensor.dtype}"
    return None


def _unreadable(file: Path, error: OSError) -> str:
    missing = isinstance(error, FileNotFoundError)
    return f"{file} is missing" if missing else f"{file} cannot be read: {error}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
