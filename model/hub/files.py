"""Checks of single files of weights, from their heads alone."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from model.checkpoint import INDEX
from model.weights import (
    CheckpointError,
    load_pickled,
    made_from,
    read_json,
    read_safetensors_file,
    stored_tensors,
)

Loaded = TypeVar("Loaded")

#: Where tensors have shapes and no content.
META = torch.device("meta")
#: Files of weights, by the ends of their names.
ENDS = (".safetensors", ".pt", ".ckpt", ".bin")


def attempt(load: Callable[[], Loaded]) -> tuple[Loaded | None, list[str]]:
    """What is loaded, or all that is wrong with it."""
    try:
        return load(), []
    except CheckpointError as error:
        return None, list(error.faults)


def collect(check: Callable[[], object]) -> list[str]:
    """All that a check finds wrong."""
    _, faults = attempt(check)
    return faults


def file_faults(place: Path) -> Iterator[str]:
    """Of every file of weights and every index in a folder, or of one file."""
    files = [place] if place.is_file() else sorted(place.rglob("*"))
    for file in files:
        if is_weights(file):
            yield from collect(partial(tensor_names, file))
        elif file.name.endswith(".json") and ".index" in file.name and file.name != INDEX:
            yield from collect(partial(_check_index, file))


def is_weights(file: Path) -> bool:
    """Whether a file holds tensors, by its name."""
    # A trainer's `training_args.bin` holds none.
    return file.suffix in ENDS and file.name != "training_args.bin"


def tensor_names(file: Path) -> set[str]:
    """Names of the tensors of a file. Raises CheckpointError when it cannot be read."""
    if file.suffix == ".safetensors":
        return {stored.name for stored in read_safetensors_file(file, META)}
    content = load_pickled(file)
    if file.suffix != ".bin":  # the others have all kinds of things beside their tensors
        return set()
    return {stored.name for stored in stored_tensors(file, content, META)}


def _check_index(index: Path) -> None:
    """Raises CheckpointError unless every file that it names has the tensors that it names."""
    places: dict[str, str] = made_from(index, lambda: dict(read_json(index)["weight_map"]))
    faults: list[str] = []
    for name in sorted(set(places.values())):
        file = index.parent / name
        if not file.exists():
            faults.append(f"{file} is missing")
            continue
        wanted = {tensor for tensor, place in places.items() if place == name}
        try:
            absent = wanted - tensor_names(file)
        except CheckpointError:
            continue  # is told of the file itself
        faults += [f"{file}: tensor {tensor!r} is missing" for tensor in sorted(absent)]
    if faults:
        raise CheckpointError(*faults)
