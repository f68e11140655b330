"""Networks that take turns on a device: brought there when used, the least recently used leave first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

#: Where a tensor hangs in a network: among the parameters or the buffers of a layer, by its name.
Place = tuple[dict[str, Any], str]


@dataclass(frozen=True)
class Managed:
    """A network that a residency moves, and its tensors in host memory, which stay there all the time."""

    tensors: tuple[tuple[Place, Tensor], ...]
    weights: int
    activations: int


class Residency:
    """Keeps what is on a device within a budget of bytes; for one thread.

    Weights never change, so a network that leaves is not copied back: its copy on the device is dropped. It
    keeps no network alive.
    """

    def __init__(self, device: torch.device, budget: int) -> None:
        self.device = device
        self.budget = budget
        self._managed: WeakKeyDictionary[nn.Module, Managed] = WeakKeyDictionary()
        #: Networks on the device, the least recently used first.
        self._present: WeakKeyDictionary[nn.Module, None] = WeakKeyDictionary()
        self._is_strict = False

    def manage(self, network: nn.Module, activations: int = 0) -> None:
        """Takes over a network in host memory, whose evaluation takes so many bytes beside its weights.

        Raises ValueError when it cannot have its turn within the budget.
        """
        weights = num_bytes(network)
        if weights + activations > self.budget:
            raise ValueError(
                f"{type(network).__name__} takes {weights} bytes and its evaluation {activations}, "
                f"together more than the budget of {self.budget}"
            )
        self._managed[network] = Managed(tuple(_tensors(network)), weights, activations)
        _RESIDENCIES[network] = self

    def use(self, network: nn.Module) -> None:
        """Brings a network to the device, and makes room for it and for what its evaluation takes.

        When the device runs out of memory nevertheless, the network stays where it was.
        """
        wanted = self._managed[network]
        left = 0 if self._is_strict else self.budget - wanted.weights - wanted.activations
        self._make_room(left, network)
        if network not in self._present:
            _hang(wanted, _copies(wanted, self.device))
        self._present.pop(network, None)
        self._present[network] = None

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Empties the device; while it lasts, networks leave when another is used, whatever the budget."""
        for network in self.present:
            self._evict(network)
        self._is_strict = True
        try:
            yield
        finally:
            self._is_strict = False

    @property
    def present(self) -> tuple[nn.Module, ...]:
        """The networks on the device, the least recently used first."""
        return tuple(self._present)

    def _make_room(self, num_bytes: int, network: nn.Module) -> None:
        """Lets other networks leave until they take no more than so many bytes."""
        others = [other for other in self._present if other is not network]
        taken = sum(self._managed[other].weights for other in others)
        for other in others:
            if taken <= num_bytes:
                return
            self._evict(other)
            taken -= self._managed[other].weights

    def _evict(self, network: nn.Module) -> None:
        managed = self._managed[network]
        _hang(managed, {id(tensor): tensor for _, tensor in managed.tensors})
        del self._present[network]


_RESIDENCIES: WeakKeyDictionary[nn.Module, Residency] = WeakKeyDictionary()


def use(network: nn.Module) -> None:
    """Brings a network to where it is evaluated, if a residency manages it; others are there already."""
    if residency := _RESIDENCIES.get(network):
        residency.use(network)


def device_of(network: nn.Module) -> torch.device:
    """Where a network is evaluated, whether it is there now or not."""
    residency = _RESIDENCIES.get(network)
    return residency.device if residency else next(network.parameters()).device


def num_bytes(network: nn.Module) -> int:
    """Bytes of the weights of a network, each counted once."""
    return sum(weight.nbytes for weight in network.parameters())


def _tensors(network: nn.Module) -> Iterator[tuple[Place, Tensor]]:
    for layer in network.modules():
        for hung in (layer._parameters, layer._buffers):
            for name, tensor in hung.items():
                if tensor is not None:
                    yield (hung, name), tensor


def _copies(managed: Managed, device: torch.device) -> dict[int, Tensor]:
    """Its tensors on a device, by the ids of those in host memory; one that hangs in two places once."""
    unique = {id(tensor): tensor for _, tensor in managed.tensors}
    return {key: _as_parameter(tensor.to(device, copy=True), tensor) for key, tensor in unique.items()}


def _as_parameter(copy: Tensor, tensor: Tensor) -> Tensor:
    return nn.Parameter(copy, requires_grad=False) if isinstance(tensor, nn.Parameter) else copy


def _hang(managed: Managed, tensors: dict[int, Tensor]) -> None:
    for (hung, name), tensor in managed.tensors:
        hung[name] = tensors[id(tensor)]
