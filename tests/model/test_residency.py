import gc
import random
from collections.abc import Iterator
from weakref import WeakSet, ref

import pytest
import torch
from torch import Tensor, nn

from model.residency import Residency, device_of, num_bytes, use

META = torch.device("meta")


def make_network(width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width)).requires_grad_(False).eval()


def tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def is_on_host(network: nn.Module) -> bool:
    return {tensor.device.type for tensor in tensors(network)} == {"cpu"}


def test_network_is_brought_and_comes_back_unchanged() -> None:
    network, other = make_network(), make_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    residency = Residency(META, num_bytes(network))
    residency.manage(network)
    residency.manage(other)
    use(network)
    assert {tensor.device.type for tensor in tensors(network)} == {"meta"}
    use(other)
    assert is_on_host(network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_copies_compute_the_same_and_are_dropped() -> None:
    network, x = make_network(), torch.randn(4, 8)
    expected = network(x)
    host = [tensor.data_ptr() for tensor in tensors(network)]
    residency = Residency(torch.device("cpu"), num_bytes(network))
    residency.manage(network)
    other = make_network()
    residency.manage(other)
    use(network)
    copies = WeakSet(tensors(network))
    assert not set(host) & {tensor.data_ptr() for tensor in copies}
    assert torch.equal(network(x), expected)
    use(other)
    assert not copies
    assert [tensor.data_ptr() for tensor in tensors(network)] == host


def test_least_recently_used_leave_first() -> None:
    networks = [make_network() for _ in range(4)]
    residency = Residency(META, 3 * num_bytes(networks[0]))
    for network in networks:
        residency.manage(network)
    for index in (0, 1, 2, 0, 3):
        use(networks[index])
    assert residency.present == (networks[2], networks[0], networks[3])


def test_evaluation_has_room_too() -> None:
    first, second = make_network(), make_network()
    weights = num_bytes(first)
    residency = Residency(META, 2 * weights + 99)
    residency.manage(first)
    residency.manage(second, activations=100)
    use(first)
    use(second)
    assert residency.present == (second,)
    use(first)
    assert set(residency.present) == {first, second}
    use(second)
    assert residency.present == (second,)


def test_one_at_a_time_when_memory_is_short() -> None:
    first, second = make_network(), make_network()
    residency = Residency(META, 10**9)
    for network in (first, second):
        residency.manage(network)
        use(network)
    with residency.one_at_a_time():
        assert residency.present == ()
        use(first)
        use(second)
        assert residency.present == (second,)
    use(first)
    assert residency.present == (second, first)


def test_no_network_is_kept_alive() -> None:
    network = make_network()
    residency = Residency(META, num_bytes(network))
    residency.manage(network)
    use(network)
    dropped = ref(network)
    del network
    gc.collect()
    assert dropped() is None
    assert residency.present == ()


def test_budget_holds_whatever_is_used() -> None:
    generator = random.Random(0)
    networks = [make_network(8 * (i + 1)) for i in range(6)]
    costs = {network: (num_bytes(network), generator.randrange(2000)) for network in networks}
    residency = Residency(META, max(sum(cost) for cost in costs.values()) + 1000)
    for network in networks:
        residency.manage(network, costs[network][1])
    for network in generator.choices(networks, k=200):
        use(network)
        taken = sum(costs[present][0] for present in residency.present)
        assert taken + costs[network][1] <= residency.budget
        assert residency.present[-1] is network
        assert [is_on_host(each) for each in networks] == [n not in residency.present for n in networks]


def test_network_that_cannot_have_its_turn() -> None:
    network = make_network()
    weights = num_bytes(network)
    with pytest.raises(ValueError, match=f"Sequential takes {weights} bytes and its evaluation 10"):
        Residency(META, weights + 9).manage(network, activations=10)


def test_weight_that_hangs_in_two_places_is_brought_once() -> None:
    network = nn.ModuleList([nn.Embedding(4, 8), nn.Linear(8, 4, bias=False)])
    network[1].weight = network[0].weight
    residency = Residency(torch.device("cpu"), num_bytes(network))
    residency.manage(network)
    use(network)
    assert network[1].weight is network[0].weight
    assert isinstance(network[0].weight, nn.Parameter)


def test_device_that_runs_out_of_memory_leaves_a_network_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = make_network()
    residency = Residency(torch.device("cpu"), num_bytes(network))
    residency.manage(network)
    before = list(tensors(network))
    monkeypatch.setattr(
        residency, "device", torch.device("cuda", 99)
    )  # no such device: nothing can be brought
    with pytest.raises((RuntimeError, AssertionError)):
        use(network)
    assert residency.present == ()
    assert all(a is b for a, b in zip(tensors(network), before, strict=True))


def test_device_is_that_of_the_residency_or_of_the_weights() -> None:
    managed, other = make_network(), make_network()
    Residency(META, num_bytes(managed)).manage(managed)
    assert is_on_host(managed)
    assert (device_of(managed), device_of(other)) == (META, torch.device("cpu"))
    use(other)
    assert is_on_host(other)
