"""The kinds of files of golden vectors, and the largest error in a file."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from model.parity import networks, samplers
from model.parity.golden import Golden, Pairs
from model.weights import CheckpointError

#: Largest errors allowed, relative to the largest recorded value or to 1.
NETWORK_LIMIT, SAMPLER_LIMIT = 1e-4, 1e-5


@dataclass(frozen=True)
class Kind:
    """A kind of file and how it is checked."""

    #: How the names of its files begin.
    name: str
    limit: float
    check: Callable[[Golden], Pairs]
    #: Tensors and keys of the configuration by which it is known.
    known_by: tuple[str, ...]


#: The more particular kinds first.
KINDS = (
    Kind("text_encoder", NETWORK_LIMIT, networks.text_encoder, ("input_ids", "attention_mask")),
    Kind("movq", NETWORK_LIMIT, networks.movq, ("image", "latent")),
    Kind("unet_video", NETWORK_LIMIT, networks.unet_video, ("x", "temporal_embed")),
    Kind("unet_superres", NETWORK_LIMIT, networks.unet_superres, ("x", "lowres")),
    Kind("unet", NETWORK_LIMIT, networks.unet, ("x", "context", "length")),
    Kind("superres_multi", SAMPLER_LIMIT, samplers.superres_multidiffusion, ("x_T", "lowres", "window")),
    Kind("superres_flash", SAMPLER_LIMIT, samplers.superres_flash, ("x_T", "lowres", "noises")),
    Kind("sampler_flash", SAMPLER_LIMIT, samplers.sampler_flash, ("x_T", "context", "times")),
    Kind("sampler", SAMPLER_LIMIT, samplers.sampler_kandinsky, ("x_T", "context", "steps")),
)


def kind_of(golden: Golden) -> Kind:
    """Knows a file by what it holds or, failing that, by its name. Raises CheckpointError."""
    for kind in KINDS:
        if golden.holds(*kind.known_by):
            return kind
    for kind in KINDS:
        if golden.file.name.startswith(kind.name):
            return kind
    raise CheckpointError(f"{golden.file} holds nothing that is known here")


@torch.inference_mode()
def error_of(golden: Golden, kind: Kind) -> float:
    """The largest error in a file. Raises whatever its content makes the code raise."""
    return torch.tensor([_error(ours, recorded) for ours, recorded in kind.check(golden)]).max().item()


def _error(ours: Tensor, recorded: Tensor) -> float:
    if ours.shape != recorded.shape:
        raise ValueError(f"what we compute has shape {tuple(ours.shape)}, not {tuple(recorded.shape)}")
    difference = (ours.float() - recorded.float()).abs().max()
    return (difference / recorded.abs().max().clamp(min=1)).item()
