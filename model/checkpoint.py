"""Checkpoints on disk: the diffusers folder layout, and the original `.pt` files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, T5Config, T5EncoderModel
from transformers.utils import logging as transformers_logging

from model.layouts import PROJECTION, movq_name, movq_tensor, unet_name
from model.movq import MoVQ, MoVQConfig
from model.schedule import Sampler
from model.text_encoder import MAX_TOKENS, PromptEncoder, TextConditioner
from model.unet import UNet, UNetConfig
from model.weights import (
    CheckpointError,
    StoredTensor,
    build,
    fill,
    read_json,
    read_pickled,
    read_safetensors,
)

transformers_logging.set_verbosity_error()

#: The demonstration checkpoint that the package ships.
DEMO = Path(__file__).parent / "checkpoints" / "demo"


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


@dataclass(frozen=True)
class OriginalFiles:
    """The files of one model in the original layout."""

    unet: str
    projection: str
    samplers: tuple[Sampler, ...]


ORIGINALS = (
    OriginalFiles("kandinsky3.pt", "projection.pt", ("kandinsky", "ddpm")),
    OriginalFiles("kandinsky3_flash.pt", "projection_flash.pt", ("flash",)),
)


def load_checkpoint(folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> Checkpoint:
    """Loads a checkpoint of either layout.

    Raises CheckpointError, naming the file and the tensor, when it is incomplete, damaged or of another
    architecture.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    if (folder / "model_index.json").exists():
        return _load_diffusers(folder, device, dtype)
    for files in ORIGINALS:
        if (folder / files.unet).exists():
            return _load_original(folder, files, device, dtype)
    names = ", ".join(["model_index.json", *(files.unet for files in ORIGINALS)])
    raise CheckpointError(f"{folder} is no checkpoint: it has none of {names}")


def _load_diffusers(folder: Path, device: torch.device, dtype: torch.dtype) -> Checkpoint:
    index = read_json(folder / "model_index.json")
    if not str(index.get("_class_name", "")).startswith("Kandinsky3"):
        raise CheckpointError(
            f"{folder / 'model_index.json'}: _class_name is {index.get('_class_name')!r}, not 'Kandinsky3Pipeline'"
        )
    unet_config = _config(folder / "unet", UNetConfig, "Kandinsky3UNet")
    movq_config = _config(folder / "movq", MoVQConfig, "VQModel")
    stem = "diffusion_pytorch_model"
    unet = fill(
        build(lambda: UNet(unet_config)),
        read_safetensors(folder / "unet", stem, device),
        dtype,
        folder / "unet",
    )
    movq_tensors = (
        stored
        for stored in read_safetensors(folder / "movq", stem, device)
        if not stored.name.startswith("quantize.")
    )
    movq = fill(build(lambda: MoVQ(movq_config)), movq_tensors, dtype, folder / "movq")
    prompts = _prompt_encoder(folder / "text_encoder", folder / "tokenizer", device, dtype)
    return Checkpoint(
        name=folder.name,
        unet=unet,
        movq=movq,
        prompts=prompts,
        conditioner=TextConditioner(unet.encoder_hid_proj, max_tokens=prompts.max_tokens),
        samplers=("ddpm", "kandinsky"),
        default_side=_default_side(folder),
    )


def _load_original(
    folder: Path, files: OriginalFiles, device: torch.device, dtype: torch.dtype
) -> Checkpoint:
    stored = read_pickled(folder / files.unet)
    if "unet" not in stored or "null_embedding" not in stored:
        raise CheckpointError(f"{folder / files.unet} has no 'unet' and 'null_embedding'")
    projection = read_pickled(folder / files.projection)
    movq_weights = read_pickled(folder / "movq.pt")
    unet_config = _guess(folder / files.unet, lambda: unet_config_of(stored["unet"], projection))
    movq_config = _guess(folder / "movq.pt", lambda: movq_config_of(movq_weights))
    unet = fill(
        build(lambda: UNet(unet_config)),
        _original_unet(folder, files, stored["unet"], projection, device),
        dtype,
        folder / files.unet,
    )
    levels = len(movq_config.block_out_channels)
    movq_tensors = (
        StoredTensor(folder / "movq.pt", renamed, movq_tensor(renamed, tensor.to(device)))
        for renamed, tensor in ((movq_name(name, levels), tensor) for name, tensor in movq_weights.items())
    )
    movq = fill(build(lambda: MoVQ(movq_config)), movq_tensors, dtype, folder / "movq.pt")
    encoder = folder / "flan_ul2_encoder"
    prompts = _prompt_encoder(encoder, encoder, device, dtype)
    null_embedding = stored["null_embedding"].reshape(-1).to(device, dtype)
    conditioner = TextConditioner(unet.encoder_hid_proj, null_embedding, prompts.max_tokens)
    return Checkpoint(folder.name, unet, movq, prompts, conditioner, files.samplers, default_side=1024)


def _original_unet(
    folder: Path,
    files: OriginalFiles,
    unet: dict[str, Tensor],
    projection: dict[str, Tensor],
    device: torch.device,
) -> Iterator[StoredTensor]:
    for name, tensor in unet.items():
        yield StoredTensor(folder / files.unet, unet_name(name), tensor.to(device))
    for name, tensor in projection.items():
        yield StoredTensor(folder / files.projection, PROJECTION.get(name, name), tensor.to(device))


def unet_config_of(weights: dict[str, Tensor], projection: dict[str, Tensor]) -> UNetConfig:
    """Sizes of an original U-Net, read off its tensors; the original layout has no configuration file."""
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


def movq_config_of(weights: dict[str, Tensor]) -> MoVQConfig:
    """Sizes of an original MoVQ, read off its tensors."""
    levels = range(_count(weights, "encoder.down.{}."))
    return MoVQConfig(
        block_out_channels=tuple(
            weights[f"encoder.down.{level}.block.0.conv1.weight"].shape[0] for level in levels
        ),
        layers_per_block=_count(weights, "encoder.down.0.block.{}."),
        attention=tuple(_has(weights, f"encoder.down.{level}.attn.") for level in levels),
        latent_channels=weights["quant_conv.weight"].shape[0],
    )


def _default_side(folder: Path) -> int:
    """The side that `serving.json` gives; only our own checkpoints have that file."""
    file = folder / "serving.json"
    return int(read_json(file)["default_side"]) if file.exists() else 1024


def _prompt_encoder(folder: Path, tokenizer: Path, device: torch.device, dtype: torch.dtype) -> PromptEncoder:
    config = read_json(folder / "config.json")
    if config.get("model_type") != "t5":
        raise CheckpointError(
            f"{folder / 'config.json'}: model_type is {config.get('model_type')!r}, not 't5'"
        )
    network = build(lambda: T5EncoderModel(T5Config.from_dict(config)))
    fill(network, _t5_tensors(folder, device), dtype, folder)
    if not (tokenizer / "tokenizer_config.json").exists():
        raise CheckpointError(f"{tokenizer / 'tokenizer_config.json'} is missing")
    loaded = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    return PromptEncoder(loaded, network, min(MAX_TOKENS, loaded.model_max_length))


def _t5_tensors(folder: Path, device: torch.device) -> Iterator[StoredTensor]:
    """Encoder tensors; the tied embedding may be stored under either of its names, or both."""
    pickled = sorted(folder.glob("pytorch_model*.bin"))
    tensors = _pickled(pickled, device) if pickled else read_safetensors(folder, "model", device)
    seen: set[str] = set()
    for stored in tensors:
        if stored.name in ("shared.weight", "encoder.embed_tokens.weight"):
            if seen:
                continue
            seen.add(stored.name)
            yield replace(stored, name="shared.weight")
            yield replace(stored, name="encoder.embed_tokens.weight")
        elif stored.name.startswith("encoder."):
            yield stored


def _pickled(files: list[Path], device: torch.device) -> Iterator[StoredTensor]:
    for file in files:
        for name, tensor in read_pickled(file).items():
            yield StoredTensor(file, name, tensor.to(device))


def _config(folder: Path, kind: type[Any], class_name: str) -> Any:
    content = read_json(folder / "config.json")
    if content.get("_class_name") != class_name:
        found = content.get("_class_name")
        raise CheckpointError(f"{folder / 'config.json'}: _class_name is {found!r}, not {class_name!r}")
    return _guess(folder / "config.json", lambda: kind.from_diffusers(content))


def _guess(file: Path, read: Any) -> Any:
    try:
        return read()
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{file}: {error} is missing or of the wrong kind") from error
    except ValueError as error:
        raise CheckpointError(f"{file}: {error}") from error


def _count(weights: dict[str, Tensor], pattern: str) -> int:
    count = 0
    while _has(weights, pattern.format(count)):
        count += 1
    return count


def _has(weights: dict[str, Tensor], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in weights)
