"""What the checkpoints of a family share: the autoencoder and the text encoder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from model.movq import MoVQ, MoVQConfig
from model.original import ENCODER, load_movq
from model.preview import fit_preview
from model.residency import use
from model.t5 import load_prompt_encoder
from model.text_encoder import PromptEncoder
from model.weights import CheckpointError, Network, build, fill, made_from, read_json, read_safetensors

#: Prefix of MoVQ tensors that only diffusers keeps; Kandinsky 3 never quantises.
CODEBOOK = "quantize."


#: Where the text encoder is: beside the other networks, there in eight bits, on the CPU, in another worker.
EncoderPlacement = Literal["resident", "int8", "cpu", "none"]


@dataclass(frozen=True)
class Components:
    """Networks that any number of U-Nets may work with."""

    movq: MoVQ
    #: None where another worker encodes the text.
    text_encoder: PromptEncoder | None

    @property
    def prompts(self) -> PromptEncoder:
        """The text encoder. Raises CheckpointError where there is none."""
        if self.text_encoder is None:
            raise CheckpointError("no text encoder is loaded here: a request must bring its prompts' states")
        return self.text_encoder

    @cached_property
    def to_preview(self) -> Callable[[Tensor], Tensor]:
        """The map from latents to small pictures that `fit_preview` finds."""
        use(self.movq)
        return fit_preview(self.movq)


@dataclass
class Loaded:
    """What checkpoints share: components by the folders that they were loaded from."""

    encoder: EncoderPlacement = "resident"
    components: dict[Path, Components] = field(default_factory=dict)

    def load(self, folder: Path, device: torch.device, dtype: torch.dtype) -> Components:
        """The components of a folder, loaded when they are first asked for. Raises CheckpointError."""
        key = folder.resolve()
        if key not in self.components:
            self.components[key] = load_components(folder, device, dtype, self.encoder)
        return self.components[key]


def load_components(
    folder: Path, device: torch.device, dtype: torch.dtype, encoder: EncoderPlacement = "resident"
) -> Components:
    """Loads the components of a folder in either layout. Raises CheckpointError."""
    movq = load_autoencoder(folder, device, dtype)
    if encoder == "none":
        return Components(movq, None)
    where = torch.device("cpu") if encoder == "cpu" else device
    return Components(movq, load_text_encoder(folder, where, dtype, is_int8=encoder == "int8"))


def load_autoencoder(folder: Path, device: torch.device, dtype: torch.dtype | None) -> MoVQ:
    """The autoencoder of a folder in either layout. Raises CheckpointError."""
    if (folder / "model_index.json").exists():
        return load_network(folder / "movq", _build_movq, device, dtype)
    return load_movq(folder / "movq.pt", device, dtype)


def load_text_encoder(
    folder: Path, device: torch.device, dtype: torch.dtype | None, *, is_int8: bool = False
) -> PromptEncoder:
    """The text encoder of a folder in either layout, and its tokenizer. Raises CheckpointError."""
    return load_prompt_encoder(*text_encoder_folders(folder), device, dtype, is_int8=is_int8)


def component_parts(folder: Path) -> list[Path]:
    """The folders and files of the components in a folder of either layout."""
    encoder, tokenizer = text_encoder_folders(folder)
    movq = folder / "movq" if (folder / "model_index.json").exists() else folder / "movq.pt"
    return list(dict.fromkeys((movq, encoder, tokenizer)))


def text_encoder_folders(folder: Path) -> tuple[Path, Path]:
    """The folders of the text encoder and of its tokenizer in a folder of either layout."""
    if (folder / "model_index.json").exists():
        return folder / "text_encoder", folder / "tokenizer"
    return folder / ENCODER, folder / ENCODER


def load_network(
    folder: Path, make: Callable[[Path], Network], device: torch.device, dtype: torch.dtype | None
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
