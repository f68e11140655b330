"""Files that are written tensor by tensor are what the library writes."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from model.hub.shards import Entry, write_component

TENSORS = {
    "b": torch.randn(3, 5),
    "a": torch.randn(7),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 4),
}


def entries(dtype: torch.dtype = torch.float32) -> list[Entry]:
    return [Entry(name, tensor, dtype) for name, tensor in TENSORS.items()]


def test_one_file(tmp_path: Path) -> None:
    [file] = write_component(tmp_path, "model", entries(), 10**9)
    found = load_file(file)
    assert file.name == "model.safetensors"
    assert found.keys() == TENSORS.keys()
    assert [name for name, tensor in TENSORS.items() if not torch.equal(found[name], tensor)] == []


def test_it_takes_as_much_as_the_librarys(tmp_path: Path) -> None:
    [file] = write_component(tmp_path, "model", entries(torch.bfloat16), 10**9)
    halves = {name: tensor.bfloat16() for name, tensor in TENSORS.items()}
    save_file(halves, tmp_path / "theirs", {"format": "pt"})
    assert file.stat().st_size == (tmp_path / "theirs").stat().st_size


def test_a_tensor_larger_than_a_shard_has_one_of_its_own(tmp_path: Path) -> None:
    files = write_component(tmp_path, "model", entries(), 16)
    assert [set(load_file(file)) for file in files] == [{"b"}, {"a"}, {"empty", "scalar"}]
