"""What the checkpoints of a family share: the autoencoder and the text encoder."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.movq import MoVQ, MoVQConfig
from model.original import load_movq
from model.preview import fit_preview
from model.t5 import load_prompt_encoder
from model.text_encoder import PromptEncoder
from model.weights import CheckpointError, Network, build, fill, made_from, read_json, read_safetensors

#: Prefix of MoVQ tensors that only diffusers keeps; Kandinsky 3 never quantises.
CODEBOOK = "quantize."


@dataclass(frozen=True)
class Components:
    """Networks that any number of U-Nets may work with, resident on one device."""

    movq: MoVQ
    prompts: PromptEncoder

    @cached_property
    def to_preview(self) -> Callable[[Tensor], Tensor]:
        """The map from latents to small pictures that `fit_preview` finds."""
        return fit_preview(self.movq)


def load_components(folder: Path, device: torch.device, dtype: torch.dtype) -> Components:
    """Loads the components of a folder in either layout. Raises CheckpointError."""
    if (folder / "model_index.json").exists():
        text_encoder, tokenizer = folder / "text_encoder", folder / "tokenizer"
        movq = load_network(folder / "movq", _build_movq, device, dtype)
    else:
        text_encoder = tokenizer = folder / "flan_ul2_encoder"
        movq = load_movq(folder / "movq.pt", device, dtype)
    return Components(movq, load_prompt_encoder(text_encoder, tokenizer, device, dtype))


def load_network(
    folder: Path, make: Callable[[Path], Network], device: torch.device, dtype: torch.dtype
) -> Network:
    """A network that `make` builds from the `config.json` of its folder, with its weights."""
    tensors = read_safetensors(folder, "diffusion_pytorch_model", device)
    used = (stored for stored in tensors if not stored.name.startswith(CODEBOOK))
    return fill(make(folder / "config.json"), used, dtype, folder)


def require_class(file: Path, *names: str) -> dict[str, Any]:
    """The content of a configuration file, whose `_class_name` must be one of the names."""
    content = read_json(file)
    found = content.get("_class_name")
    if found not in names:
        raise CheckpointError(f"{file}: _class_name is {found!r}, not {names[0]!r}")
    return content


def _build_movq(file: Path) -> MoVQ:
    config = require_class(file, "VQModel")
    return made_from(file, lambda: build(lambda: MoVQ(MoVQConfig.from_diffusers(config))))
