"""Safetensors files that are written tensor by tensor, so that no more than one of them is in memory."""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.weights import CheckpointError

#: Names of number formats in safetensors.
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


@dataclass(frozen=True)
class Entry:
    """A tensor that is to be written, and the number format to write it in."""

    name: str
    tensor: Tensor
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Bytes that it will take."""
        return self.tensor.numel() * self.dtype.itemsize

    def converted(self) -> Tensor:
        """What is written. Raises CheckpointError when the format cannot hold it."""
        converted = self.tensor.to(self.dtype).contiguous()
        if not converted.isfinite().all():
            raise CheckpointError(f"tensor {self.name!r} is not finite in {NAMES[self.dtype]}")
        return converted


def write_component(folder: Path, stem: str, entries: Sequence[Entry], max_bytes: int) -> list[Path]:
    """Writes tensors as one file, or as shards of at most `max_bytes` and an index; returns the former."""
    shards = list(_shards(entries, max_bytes))
    if len(shards) == 1:
        return [_write(folder / f"{stem}.safetensors", shards[0])]
    names = [f"{stem}-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    files = [_write(folder / name, shard) for name, shard in zip(names, shards, strict=True)]
    places = {entry.name: name for name, shard in zip(names, shards, strict=True) for entry in shard}
    index = {"metadata": {"total_size": sum(entry.size for entry in entries)}, "weight_map": places}
    (folder / f"{stem}.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    return files


def _shards(entries: Sequence[Entry], max_bytes: int) -> Iterator[list[Entry]]:
    shard: list[Entry] = []
    for entry in entries:
        if shard and sum(each.size for each in shard) + entry.size > max_bytes:
            yield shard
            shard = []
        shard.append(entry)
    yield shard


def _write(file: Path, entries: Sequence[Entry]) -> Path:
    header = json.dumps(_header(entries), separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(header)) + header)
        for entry in entries:
            opened.write(entry.converted().flatten().view(torch.uint8).numpy().data)
    return file


def _header(entries: Sequence[Entry]) -> Mapping[str, Any]:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for entry in entries:
        place = {"dtype": NAMES[entry.dtype], "shape": list(entry.tensor.shape)}
        header[entry.name] = place | {"data_offsets": [begin, begin + entry.size]}
        begin += entry.size
    return header
