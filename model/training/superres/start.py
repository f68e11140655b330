"""Weights with which a super-resolution network starts as plain bilinear enlargement.

The network predicts the large picture itself, through norms that forget how bright a picture is. From random
weights a short training spends itself on relearning to copy; from these it learns to sharpen at once.
"""

import math

import torch
from torch import Tensor, nn

from model.superres import ResNetBlock, SuperResConfig, SuperResUNet

#: A colour travels in four channels of one norm group: itself, its negative, and two constants that
#: outweigh it, so that the group's norm hardly depends on the picture.
CARRIERS = 4
CONSTANT = 4.0
#: Mean square of a picture, for which the last norm is set to undo its own scale.
MEAN_SQUARE = 0.5
#: Sharpening by the last convolution, against the blur of halving and doubling on the way.
SHARPENING = 0.3
#: How much of the random weights of the last convolution is kept.
REST = 0.1


def start_bilinear(network: SuperResUNet) -> None:
    """Gives a network new weights. Raises ValueError where its first norm groups cannot carry the colours."""
    config = network.config
    if config.groups < config.channels or config.init_channels // config.groups < CARRIERS:
        raise ValueError(
            f"init_channels={config.init_channels}: groups={config.groups} of them must carry "
            f"{config.channels} colours in {CARRIERS} channels each"
        )
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, ResNetBlock):
                _start_block(module, config)
        _start_ends(network)


def _start_block(block: ResNetBlock, config: SuperResConfig) -> None:
    """Nothing but the shortcut, which resamples bilinearly and lets the colours' channels through."""
    nn.init.zeros_(block.out_block.projection.weight)
    for resample in (block.change_resolution, block.in_block.change_resolution):
        for convolution in resample.children():
            _start_resampling(convolution)
    if isinstance(block.res_block, nn.Conv2d):
        _start_shortcut(block.res_block, count=_channel(config, config.channels))


def _start_resampling(convolution: nn.Module) -> None:
    """Enlarges bilinearly, or halves by area."""
    assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
    enlarges = isinstance(convolution, nn.ConvTranspose2d)
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25] if enlarges else [0.0, 0.5, 0.5, 0.0])
    diagonal = torch.eye(convolution.in_channels)[:, :, None, None]
    convolution.weight.copy_(diagonal * taps[:, None] * taps)
    _zero(convolution.bias)


def _start_shortcut(convolution: nn.Conv2d, count: int) -> None:
    """Passes the first channels on, those of the skip where there is one, and mixes the others."""
    nn.init.orthogonal_(convolution.weight)
    _zero(convolution.bias)
    has_skip = convolution.in_channels == 2 * convolution.out_channels
    first = convolution.in_channels // 2 if has_skip else 0
    convolution.weight[:count] = 0
    convolution.weight[:count, first : first + count, 0, 0] = torch.eye(count)


def _start_ends(network: SuperResUNet) -> None:
    """Splits the small picture into carriers at the start, and joins them in the end.

    silu(x) - silu(-x) is x.
    """
    config, stem, norm, end = network.config, network.init_conv, network.norm, network.out_conv
    end.weight.mul_(REST)
    _zero(end.bias)
    stem_bias = _zero(stem.bias)
    signs = torch.tensor([1.0, -1.0, 0.0, 0.0])
    sharpen = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]) * SHARPENING
    sharpen[1, 1] += 1
    for colour in range(config.channels):
        first = _channel(config, colour)
        carriers = slice(first, first + CARRIERS)
        stem.weight[carriers] = 0
        stem.weight[carriers, config.channels + colour, 1, 1] = signs
        stem_bias[carriers] = CONSTANT * torch.tensor([0.0, 0.0, 1.0, -1.0])
        norm.weight[carriers] = math.sqrt((CONSTANT**2 + MEAN_SQUARE) / 2)
        end.weight[:, carriers] = 0
        end.weight[colour, carriers] = signs[:, None, None] * sharpen


def _channel(config: SuperResConfig, colour: int) -> int:
    """The first channel of a colour."""
    return colour * (config.init_channels // config.groups)


def _zero(bias: Tensor | None) -> Tensor:
    assert bias is not None
    return nn.init.zeros_(bias)
