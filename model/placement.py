"""The networks of checkpoints, one by one: what they cost, and which of them take turns on a device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import T5EncoderModel

from model.checkpoint import Checkpoint, load_checkpoint
from model.components import EncoderPlacement, Loaded, load_text_encoder
from model.costs import Cost, Role, encoder_cost, movq_cost, superres_cost, unet_cost
from model.family import Found
from model.profiles import Profile
from model.residency import Residency
from model.upscaler import Upscaler, load_upscaler

META = torch.device("meta")


@dataclass(frozen=True)
class Part:
    """One network, and the first checkpoint that it works for."""

    owner: Checkpoint | Upscaler
    role: Role
    network: nn.Module


def parts(checkpoints: Sequence[Checkpoint | Upscaler]) -> list[Part]:
    """All networks of checkpoints, each once."""
    unique: dict[nn.Module, Part] = {}
    for checkpoint in checkpoints:
        for role, network in _networks(checkpoint):
            unique.setdefault(network, Part(checkpoint, role, network))
    return list(unique.values())


def family_costs(
    models: Sequence[Found], dtype: torch.dtype, encoder: EncoderPlacement = "resident"
) -> list[Cost]:
    """What the networks of models on a disk cost, of whose files only names and shapes are read.

    Those of a text encoder in another worker, "none", need not be there. Raises CheckpointError.
    """
    loaded = Loaded("none" if encoder == "none" else "resident")
    checkpoints = [
        load_upscaler(found.place, META, dtype)
        if found.enlarges
        else load_checkpoint(found.place, META, dtype, loaded)
        for found in models
    ]
    return [_cost(part) for part in parts(checkpoints)]


def text_encoder_cost(folder: Path, dtype: torch.dtype) -> Cost:
    """The same of the text encoder in a folder of either layout. Raises CheckpointError."""
    network = load_text_encoder(folder, META, dtype).network
    assert isinstance(network, T5EncoderModel)
    return encoder_cost(folder.name, network)


def offload(checkpoints: Sequence[Checkpoint | Upscaler], profile: Profile, residency: Residency) -> None:
    """Lets the networks of checkpoints, which are in host memory, take turns as a profile has them do.

    Raises ValueError when a network is too large for the budget.
    """
    for part in parts(checkpoints):
        if profile.is_placed(part.role):
            residency.manage(part.network, profile.activations(_cost(part)))


def _networks(checkpoint: Checkpoint | Upscaler) -> Iterator[tuple[Role, nn.Module]]:
    if isinstance(checkpoint, Upscaler):
        yield "super-resolution", checkpoint.network
        return
    if checkpoint.components.text_encoder is not None:
        yield "text encoder", checkpoint.prompts.network
    yield "autoencoder", checkpoint.movq
    yield "U-Net", checkpoint.unet


def _cost(part: Part) -> Cost:
    owner = part.owner
    if isinstance(owner, Upscaler):
        return superres_cost(owner.name, owner.network)
    if isinstance(part.network, T5EncoderModel):
        return encoder_cost(owner.name, part.network)
    if part.role == "autoencoder":
        return movq_cost(owner.name, owner.movq, owner.default_side)
    return unet_cost(owner.name, owner.unet, owner.default_side // owner.movq.config.stride)
