"""What networks cost: bytes of weights, and bytes that evaluating them takes at its most."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, T5EncoderModel

from model.activations import encoder_bytes, language_bytes, movq_bytes, superres_bytes, unet_bytes
from model.int8 import Int8Linear
from model.movq import MoVQ
from model.multidiffusion import WINDOWS
from model.residency import num_bytes
from model.superres import SuperResUNet
from model.unet import UNet

Role = Literal["text encoder", "autoencoder", "U-Net", "super-resolution", "language model"]


@dataclass(frozen=True)
class Cost:
    """What one network costs; memory is in bytes."""

    #: Whose network it is, for people.
    name: str
    role: Role
    num_weights: int
    weights: int
    #: The same with the weights of linear layers in eight bits, each row with its scale.
    int8_weights: int
    #: What its evaluation takes beside the weights: of a guided picture, or of one window.
    activations: int
    #: What evaluating linear layers in eight bits takes beside that: a copy of one of them.
    int8_copy: int = 0
    #: Whether it is on the device as it is, whatever the others do.
    stays: bool = False


def encoder_cost(name: str, network: T5EncoderModel) -> Cost:
    """Of a text encoder, reading two prompts of the most tokens."""
    return _cost(name, "text encoder", network, encoder_bytes(network.config, network.dtype))


def movq_cost(name: str, movq: MoVQ, side: int) -> Cost:
    """Of an autoencoder, at a picture of `side` x `side` pixels."""
    return _cost(name, "autoencoder", movq, movq_bytes(movq.config, movq.quant_conv.weight.dtype, side))


def unet_cost(name: str, unet: UNet, latent_side: int) -> Cost:
    """Of a U-Net, at a guided picture with latents of `latent_side` x `latent_side`."""
    return _cost(name, "U-Net", unet, unet_bytes(unet.config, unet.conv_in.weight.dtype, latent_side))


def superres_cost(name: str, network: SuperResUNet, side: int = WINDOWS.size) -> Cost:
    """Of a network that makes pictures larger, at one window of `side` x `side` pixels."""
    activations = superres_bytes(network.config, network.init_conv.weight.dtype, side)
    return _cost(name, "super-resolution", network, activations)


def language_cost(name: str, network: PreTrainedModel) -> Cost:
    """Of a causal language model, at a batch of prompts."""
    cost = _cost(name, "language model", network, language_bytes(network.config, network.dtype))
    return replace(cost, stays=True)


def _cost(name: str, role: Role, network: nn.Module, activations: int) -> Cost:
    weights = num_bytes(network)
    layers = {layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)}
    spared = sum(weight.nbytes - weight.numel() - _scale_bytes(weight) for weight in layers)
    count = sum(weight.numel() for weight in network.parameters())
    return Cost(name, role, count, weights, weights - spared, activations, _copy_bytes(network))


def _copy_bytes(network: nn.Module) -> int:
    """Bytes of the largest linear layer, in the format that it multiplies in."""
    formats = {
        layer.weight: layer.dtype if isinstance(layer, Int8Linear) else layer.weight.dtype
        for layer in network.modules()
        if isinstance(layer, nn.Linear | Int8Linear)
    }
    return max((weight.numel() * dtype.itemsize for weight, dtype in formats.items()), default=0)


def _scale_bytes(weight: Tensor) -> int:
    return len(weight) * torch.float32.itemsize
