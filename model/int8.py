"""Weights of linear layers in eight bits, each row with its scale (Dettmers et al. 2022, section 2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.weights import assign

#: The largest of the whole numbers that stand for weights.
LARGEST = 127


class Int8Linear(nn.Module):
    """A linear layer without bias, that multiplies in a format of fractions."""

    def __init__(self, weight: Tensor, scale: Tensor, dtype: torch.dtype) -> None:
        """Shapes: weight (C_out, C_in) int8, scale (C_out,) fp32."""
        super().__init__()
        self.dtype = dtype
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.scale = nn.Parameter(scale, requires_grad=False)

    @classmethod
    def of(cls, weight: Tensor) -> "Int8Linear":
        """The layer nearest to one of these weights (C_out, C_in), which multiplies in their format."""
        largest = weight.abs().amax(dim=1, keepdim=True).float()
        scale = largest.clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
        return cls((weight / scale).round_().to(torch.int8), scale[:, 0], weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        # Products of the whole numbers themselves would be too large for float16.
        weight = self.weight.to(self.dtype).mul_(self.scale[:, None])
        return F.linear(x.to(self.dtype), weight)


def assign_int8(network: nn.Module, name: str, tensor: Tensor) -> None:
    """Gives a network one of its weights, and puts an `Int8Linear` where it belongs to a linear layer."""
    path, _, leaf = name.rpartition(".")
    layer = network.get_submodule(path)
    if isinstance(layer, nn.Linear) and [own for own, _ in layer.named_parameters()] == [leaf]:
        network.set_submodule(path, Int8Linear.of(tensor))
    else:
        assign(network, name, tensor)
