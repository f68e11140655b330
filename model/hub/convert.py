"""Models of either layout, written in that of diffusers, with files of our own for what it lacks."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.checkpoint import (
    DEMO,
    INDEX,
    INPAINTING_CLASS,
    NULL_EMBEDDING,
    load_unet,
    read_outline,
)
from model.components import CODEBOOK, load_autoencoder, load_text_encoder, text_encoder_folders
from model.family import Found, find_checkpoints
from model.hub.lock import PARTIAL, flush
from model.hub.shards import Entry, write_component
from model.hub.verify import ModelChecks
from model.serving import FILE as SERVING
from model.upscaler import CLASS as UPSCALER_CLASS
from model.upscaler import load_upscaler
from model.weights import CheckpointError, read_json

CPU = torch.device("cpu")
STEM = "diffusion_pytorch_model"
#: Largest file, as the hub's own tools write them.
MAX_BYTES = 5_000_000_000
#: What a tokenizer may be made of.
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "spiece.model",
    "special_tokens_map.json",
    "added_tokens.json",
)
#: Ends of the names of T5 weights that stay fp32 beside fp16, in which their products overflow.
KEPT_IN_FP32 = ".wo.weight"


@dataclass(frozen=True)
class Conversion:
    """How weights are written."""

    dtype: torch.dtype = torch.bfloat16
    max_bytes: int = MAX_BYTES
    #: Is called with each file of weights when it is whole.
    report: Callable[[Path], object] = lambda _: None
    #: Is called with the folder of each model that was whole before, and stays as it is.
    keep: Callable[[Path], object] = lambda _: None

    def write_network(
        self,
        folder: Path,
        network: nn.Module,
        config: Mapping[str, Any],
        stem: str = STEM,
        others: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Writes a network, whose weights are still in their own files, and tensors that belong to it."""
        _write_json(folder / "config.json", config)
        entries = [Entry(name, weight, self._dtype(name)) for name, weight in network.named_parameters()]
        entries += [Entry(name, tensor, self.dtype) for name, tensor in (others or {}).items()]
        for file in write_component(folder, stem, entries, self.max_bytes):
            self.report(file)

    def _dtype(self, name: str) -> torch.dtype:
        keeps = self.dtype == torch.float16 and name.endswith(KEPT_IN_FP32)
        return torch.float32 if keeps else self.dtype


def convert(source: Path, target: Path, conversion: Conversion) -> list[Path]:
    """Writes each model of a folder into a folder of its own in `target`, and returns these.

    Models that share an autoencoder and a text encoder do so afterwards: the first has them, the others name
    its folder. Memory holds one tensor at a time. What an earlier conversion has ended is kept. Raises
    CheckpointError when a model cannot be read, or a folder of its name is there and is not whole.
    """
    models = sorted(find_checkpoints(source), key=_borrows)
    whole = _whole(models, target)
    owners: dict[Path, str] = {}
    for found in models:
        if kept := whole.get(found.name):
            if not found.enlarges and not _borrows(kept):
                owners.setdefault(_components(found), found.name)
            conversion.keep(kept.place)
        else:
            _write_whole(found, target, owners, conversion)
    return [target / found.name for found in models]


def _whole(models: Sequence[Found], target: Path) -> dict[str, Found]:
    """Those that are in the target already. Raises CheckpointError for a folder that is something else."""
    there = [Found(found.name, target / found.name) for found in models if (target / found.name).exists()]
    checks = ModelChecks()
    for found in there:
        if faults := checks.faults(found):
            raise CheckpointError(f"{found.place} is there already, and is not whole: {faults[0]}")
    return {found.name: found for found in there}


def _write_whole(found: Found, target: Path, owners: dict[Path, str], conversion: Conversion) -> None:
    """Writes a model beside its place, and puts it there when the disk has all of it."""
    partial = target / f".{found.name}{PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(found, partial, owners, conversion)
        for file in partial.rglob("*"):
            if file.is_file():
                flush(file)
        partial.replace(target / found.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _borrows(found: Found) -> bool:
    return not found.enlarges and _components(found) != found.folder.resolve()


def _components(found: Found) -> Path:
    return read_outline(found.place).serving.components.resolve()


def _write(found: Found, folder: Path, owners: dict[Path, str], conversion: Conversion) -> None:
    if found.enlarges:
        _write_upscaler(found, folder, conversion)
        return
    source = _components(found)
    owner = owners.setdefault(source, found.name)
    if owner == found.name:
        _write_components(source, folder, conversion)
    _write_drawing(found, folder, {} if owner == found.name else {"components": f"../{owner}"}, conversion)


def _write_upscaler(found: Found, folder: Path, conversion: Conversion) -> None:
    upscaler = load_upscaler(found.place, CPU, None)
    conversion.write_network(folder / "unet", upscaler.network, upscaler.network.config.to_json())
    _write_json(folder / SERVING, {"scale": upscaler.scale, "sampler": upscaler.sampler})
    _write_json(folder / INDEX, {"_class_name": UPSCALER_CLASS, "unet": ["model", "SuperResUNet"]})


def _write_drawing(found: Found, folder: Path, serving: dict[str, Any], conversion: Conversion) -> None:
    outline = read_outline(found.place)
    unet, null_embedding = load_unet(found.place, CPU, None)
    conversion.write_network(folder / "unet", unet, unet.config.to_diffusers())
    if null_embedding is not None:
        entry = Entry(Path(NULL_EMBEDDING).stem, null_embedding, torch.float32)
        write_component(folder, entry.name, [entry], conversion.max_bytes)
    serving |= {"default_side": outline.serving.default_side, "samplers": list(outline.serving.samplers)}
    _write_json(folder / SERVING, serving)
    _write_json(folder / INDEX, _index(found, outline.inpaints, owns="components" not in serving))


def _index(found: Found, inpaints: bool, owns: bool) -> dict[str, Any]:
    """What diffusers makes a pipeline of."""
    if owns and (found.place / INDEX).exists():
        return read_json(found.place / INDEX)
    index = read_json(DEMO / INDEX) | {"tokenizer": ["transformers", "T5Tokenizer"]}
    if inpaints:
        index["_class_name"] = INPAINTING_CLASS
    return index if owns else {key: index[key] for key in ("_class_name", "unet")}


def _write_components(source: Path, folder: Path, conversion: Conversion) -> None:
    movq = load_autoencoder(source, CPU, None)
    # diffusers wants the codebook, which Kandinsky 3 never reads and the original files do not have.
    codebook = {
        f"{CODEBOOK}embedding.weight": torch.zeros(movq.config.num_codes, movq.config.latent_channels)
    }
    conversion.write_network(folder / "movq", movq, movq.config.to_diffusers(), others=codebook)
    encoder, tokenizer = text_encoder_folders(source)
    network = load_text_encoder(source, CPU, None).network
    config = read_json(encoder / "config.json") | {"architectures": ["T5EncoderModel"]}
    conversion.write_network(folder / "text_encoder", network, config, "model")
    _copy(tokenizer, folder / "tokenizer", TOKENIZER)
    scheduler = source / "scheduler"
    shutil.copytree(scheduler if scheduler.is_dir() else DEMO / "scheduler", folder / "scheduler")


def _copy(source: Path, target: Path, names: Sequence[str]) -> None:
    target.mkdir()
    for name in names:
        if (source / name).exists():
            shutil.copy(source / name, target)


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
