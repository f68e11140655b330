from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import pytest
import torch
from torch import Tensor, nn

from model.weights import CheckpointError, StoredTensor, build, fill

FILE = Path("weights.safetensors")


def make_network() -> nn.Module:
    return nn.Sequential(*(nn.Linear(8, 8) for _ in range(5)))


def test_built_network_takes_no_memory() -> None:
    assert {weight.device.type for weight in build(make_network).parameters()} == {"meta"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_filling_holds_one_stored_tensor_at_a_time(dtype: torch.dtype) -> None:
    alive: WeakSet[Tensor] = WeakSet()
    most = 0

    def stored() -> Iterator[StoredTensor]:
        nonlocal most
        for name, weight in make_network().state_dict().items():
            tensor = torch.ones(weight.shape, dtype=torch.float16)
            alive.add(tensor)
            yield StoredTensor(FILE, name, tensor)
            del tensor
            most = max(most, len(alive))

    network = fill(build(make_network), stored(), dtype, FILE.parent)
    assert most == 1
    assert {weight.dtype for weight in network.parameters()} == {dtype}
    assert all(weight.all() and not weight.requires_grad for weight in network.parameters())


def test_filling_names_the_first_of_the_missing_tensors() -> None:
    with pytest.raises(
        CheckpointError, match=r"somewhere: tensor '0\.bias' is missing \(and 9 more faults\)"
    ):
        fill(build(make_network), [], torch.float32, Path("somewhere"))


def test_tensor_that_comes_twice() -> None:
    twice = [StoredTensor(FILE, "0.bias", torch.zeros(8))] * 2
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: unexpected tensor '0\.bias'"):
        fill(build(make_network), twice, torch.float32, FILE.parent)
