"""Networks from the original `.pt` and `.ckpt` files, which tell their sizes only by their tensors."""

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.layouts import PROJECTION, movq_name, movq_tensor, unet_name
from model.movq import MoVQ, MoVQConfig
from model.schedule import Sampler
from model.superres import SuperResConfig, SuperResUNet
from model.unet import UNet, UNetConfig
from model.weights import CheckpointError, build, fill, load_pickled, made_from, stored_tensors

Weights = dict[str, Any]


#: The folder, beside the U-Nets, of the text encoder and of each U-Net's projection of its states.
ENCODER = "flan_ul2_encoder"


@dataclass(frozen=True)
class OriginalFiles:
    """The files of one model that draws, but for those that it shares with the others in its folder."""

    #: Name of the model.
    name: str
    unet: str
    projection: str
    samplers: tuple[Sampler, ...]
    inpaints: bool = False

    def find_projection(self, folder: Path) -> Path:
        """The file of its projection, which is published in the folder of the text encoder."""
        beside = folder / self.projection
        return beside if beside.exists() else folder / ENCODER / self.projection


ORIGINALS = (
    OriginalFiles("kandinsky-3", "kandinsky3.pt", "projection.pt", ("kandinsky", "ddpm")),
    OriginalFiles("kandinsky-3-flash", "kandinsky3_flash.pt", "projection_flash.pt", ("flash",)),
    OriginalFiles(
        "kandinsky-3-inpainting",
        "kandinsky3_inpainting.pt",
        "projection_inpainting.pt",
        ("kandinsky",),
        inpaints=True,
    ),
)


def load_unet(
    file: Path, projection: Path, device: torch.device, dtype: torch.dtype | None
) -> tuple[UNet, Tensor]:
    """A U-Net with its projection, and its null embedding (context_dim,). Raises CheckpointError."""
    content, projected = load_pickled(file), load_pickled(projection)
    if "unet" not in content or "null_embedding" not in content:
        raise CheckpointError(f"{file} does not hold 'unet' and 'null_embedding'")
    weights, empty = content["unet"], content["null_embedding"]
    config = made_from(file, lambda: unet_config_of(weights, projected))
    if not isinstance(empty, Tensor) or empty.numel() != config.context_dim:
        raise CheckpointError(f"{file}: 'null_embedding' is no tensor of {config.context_dim} values")
    network = made_from(file, lambda: build(lambda: UNet(config)))
    tensors = chain(
        stored_tensors(file, weights, device, unet_name),
        stored_tensors(projection, projected, device, lambda name: PROJECTION.get(name, name)),
    )
    return fill(network, tensors, dtype, file), empty.reshape(-1).to(device, dtype)


def load_movq(file: Path, device: torch.device, dtype: torch.dtype | None) -> MoVQ:
    """A MoVQ. Raises CheckpointError."""
    weights = load_pickled(file)
    config = made_from(file, lambda: movq_config_of(weights))
    network = made_from(file, lambda: build(lambda: MoVQ(config)))
    num_levels = len(config.block_out_channels)
    tensors = (
        replace(stored, tensor=movq_tensor(stored.name, stored.tensor))
        for stored in stored_tensors(file, weights, device, lambda name: movq_name(name, num_levels))
    )
    return fill(network, tensors, dtype, file)


def load_superres(file: Path, device: torch.device, dtype: torch.dtype | None) -> SuperResUNet:
    """A network of KandiSuperRes, whose tensors lie in the file as they are or under "unet".

    Raises CheckpointError.
    """
    content = load_pickled(file)
    weights = content.get("unet", content)
    if not isinstance(weights, dict):
        raise CheckpointError(f"{file}: 'unet' is a {type(weights).__name__}, not a dictionary of tensors")
    config = made_from(file, lambda: superres_config_of(weights))
    network = made_from(file, lambda: build(lambda: SuperResUNet(config)))
    return fill(network, stored_tensors(file, weights, device), dtype, file)


def unet_config_of(weights: Weights, projection: Weights) -> UNetConfig:
    """Sizes of a U-Net; what its tensors do not tell is as published."""
    levels = range(_count(weights, "down_samples.{}."))
    blocks = tuple(_count(weights, f"down_samples.{level}.resnet_attn_blocks.{{}}.") for level in levels)
    last_conv = "down_samples.{}.resnet_attn_blocks.0.2.resnet_blocks.3.projection.weight"
    init_channels, in_channels = weights["in_layer.weight"].shape[:2]
    context_dim, encoder_dim = projection["0.weight"].shape
    return UNetConfig(
        in_channels=in_channels,
        out_channels=weights["out_layer.2.weight"].shape[0],
        init_channels=init_channels,
        block_out_channels=tuple(weights[last_conv.format(level)].shape[0] for level in levels),
        num_blocks=blocks,
        attention=tuple(_has(weights, f"down_samples.{level}.self_attention_block.") for level in levels),
        time_embed_dim=weights["to_time_embed.1.weight"].shape[0],
        context_dim=context_dim,
        encoder_dim=encoder_dim,
    )


def movq_config_of(weights: Weights) -> MoVQConfig:
    """Sizes of a MoVQ; what its tensors do not tell is as published."""
    levels = range(_count(weights, "encoder.down.{}."))
    first_conv = "encoder.down.{}.block.0.conv1.weight"
    return MoVQConfig(
        block_out_channels=tuple(weights[first_conv.format(level)].shape[0] for level in levels),
        layers_per_block=_count(weights, "encoder.down.0.block.{}."),
        attention=tuple(_has(weights, f"encoder.down.{level}.attn.") for level in levels),
        latent_channels=weights["quant_conv.weight"].shape[0],
    )


def superres_config_of(weights: Weights) -> SuperResConfig:
    """Sizes of a network of KandiSuperRes; what its tensors do not tell is as published."""
    levels = range(_count(weights, "down_samples.{}."))
    first_conv = "down_samples.{}.resnet_attn_blocks.0.0.out_block.projection.weight"
    return SuperResConfig(
        channels=weights["out_conv.weight"].shape[0],
        init_channels=weights["init_conv.weight"].shape[0],
        block_out_channels=tuple(weights[first_conv.format(level)].shape[0] for level in levels),
        num_blocks=tuple(
            _count(weights, f"down_samples.{level}.resnet_attn_blocks.{{}}.") for level in levels
        ),
        time_embed_dim=weights["to_time_embed.1.weight"].shape[0],
    )


def _count(weights: Weights, pattern: str) -> int:
    count = 0
    while _has(weights, pattern.format(count)):
        count += 1
    return count


def _has(weights: Weights, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in weights)
