"""Checkpoints on disk: the diffusers folder layout, and the original `.pt` files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model.movq import MoVQ, MoVQConfig
from model.original import ORIGINALS, OriginalFiles, load_movq, load_unet
from model.schedule import Sampler
from model.t5 import load_prompt_encoder
from model.text_encoder import PromptEncoder, TextConditioner
from model.unet import UNet, UNetConfig
from model.weights import CheckpointError, Network, build, fill, made_from, read_json, read_safetensors

#: The demonstration checkpoint that the package ships.
DEMO = Path(__file__).parent / "checkpoints" / "kandinsky-3-demo"
#: Side in pixels of the published models.
PUBLISHED_SIDE = 1024
#: Prefix of MoVQ tensors that only diffusers keeps; Kandinsky 3 never quantises.
CODEBOOK = "quantize."


@dataclass(frozen=True)
class Checkpoint:
    """A model's networks, resident on one device, and how it likes to be sampled."""

    name: str
    unet: UNet
    movq: MoVQ
    prompts: PromptEncoder
    conditioner: TextConditioner
    #: Allowed samplers, the default first.
    samplers: tuple[Sampler, ...]
    #: Side in pixels that it was trained for.
    default_side: int

    @property
    def size_multiple(self) -> int:
        """Pixel sides must be multiples of this."""
        return self.unet.config.stride * self.movq.config.stride

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.unet.conv_in.weight.device


def load_checkpoint(folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> Checkpoint:
    """Loads a checkpoint of either layout.

    Raises CheckpointError, naming the file and the tensor, when it is incomplete, damaged or of another
    architecture.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    if (folder / "model_index.json").exists():
        checkpoint = _load_diffusers(folder, device, dtype)
    else:
        checkpoint = _load_original(folder, _original_files(folder), device, dtype)
    _require_fit(folder, checkpoint)
    return checkpoint


def _load_diffusers(folder: Path, device: torch.device, dtype: torch.dtype) -> Checkpoint:
    _require_class(folder / "model_index.json", "Kandinsky3Pipeline", "Kandinsky3Img2ImgPipeline")
    unet = _component(folder / "unet", _build_unet, device, dtype)
    movq = _component(folder / "movq", _build_movq, device, dtype)
    return Checkpoint(
        name=folder.resolve().name,
        unet=unet,
        movq=movq,
        prompts=load_prompt_encoder(folder / "text_encoder", folder / "tokenizer", device, dtype),
        conditioner=TextConditioner(unet.encoder_hid_proj),
        samplers=("ddpm", "kandinsky"),
        default_side=_default_side(folder / "serving.json"),
    )


def _component(
    folder: Path, make: Callable[[Path], Network], device: torch.device, dtype: torch.dtype
) -> Network:
    """A network that `make` builds from `config.json`, with its weights."""
    tensors = read_safetensors(folder, "diffusion_pytorch_model", device)
    used = (stored for stored in tensors if not stored.name.startswith(CODEBOOK))
    return fill(make(folder / "config.json"), used, dtype, folder)


def _build_unet(file: Path) -> UNet:
    config = _require_class(file, "Kandinsky3UNet")
    return made_from(file, lambda: build(lambda: UNet(UNetConfig.from_diffusers(config))))


def _build_movq(file: Path) -> MoVQ:
    config = _require_class(file, "VQModel")
    return made_from(file, lambda: build(lambda: MoVQ(MoVQConfig.from_diffusers(config))))


def _require_class(file: Path, *names: str) -> dict[str, Any]:
    """The content of a configuration file, whose `_class_name` must be one of the names."""
    content = read_json(file)
    found = content.get("_class_name")
    if found not in names:
        raise CheckpointError(f"{file}: _class_name is {found!r}, not {names[0]!r}")
    return content


def _default_side(file: Path) -> int:
    """The side that `serving.json` gives; only our own checkpoints have that file."""
    if not file.exists():
        return PUBLISHED_SIDE
    side = read_json(file).get("default_side")
    if not isinstance(side, int):
        raise CheckpointError(f"{file}: default_side is {side!r}, not a number of pixels")
    return side


def _original_files(folder: Path) -> OriginalFiles:
    for files in ORIGINALS:
        if (folder / files.unet).exists():
            return files
    names = ", ".join(["model_index.json", *(files.unet for files in ORIGINALS)])
    raise CheckpointError(f"{folder} is no checkpoint: it has none of {names}")


def _load_original(
    folder: Path, files: OriginalFiles, device: torch.device, dtype: torch.dtype
) -> Checkpoint:
    unet, null_embedding = load_unet(folder / files.unet, folder / files.projection, device, dtype)
    text_encoder = folder / "flan_ul2_encoder"
    return Checkpoint(
        name=folder.resolve().name,
        unet=unet,
        movq=load_movq(folder / "movq.pt", device, dtype),
        prompts=load_prompt_encoder(text_encoder, text_encoder, device, dtype),
        conditioner=TextConditioner(unet.encoder_hid_proj, null_embedding),
        samplers=files.samplers,
        default_side=PUBLISHED_SIDE,
    )


def _require_fit(folder: Path, checkpoint: Checkpoint) -> None:
    """Networks that are whole but not made for each other would fail only at the first prompt."""
    unet, latent = checkpoint.unet.config, checkpoint.movq.config.latent_channels
    width = checkpoint.prompts.width
    if width != unet.encoder_dim:
        raise CheckpointError(
            f"{folder}: the text encoder is {width} wide, the U-Net reads {unet.encoder_dim}"
        )
    if (unet.in_channels, unet.out_channels) != (latent, latent):
        channels = f"{unet.in_channels} channels in and {unet.out_channels} out"
        raise CheckpointError(f"{folder}: the U-Net has {channels}, but latents of the MoVQ have {latent}")
    side, multiple = checkpoint.default_side, checkpoint.size_multiple
    if side < multiple or side % multiple:
        raise CheckpointError(f"{folder}: default_side {side} is no multiple of {multiple}")
