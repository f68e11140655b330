"""Writes a trained run as a checkpoint in the diffusers folder layout, fp16."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from model.training import flash, inpainting
from model.training.autoencoder import load_autoencoder
from model.training.base import load_base, t5_config
from model.training.config import TrainingConfig
from model.training.run import Run, write_atomically
from model.unet import UNet

SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "beta_schedule": "squaredcos_cap_v2",
    "clip_sample": True,
    "clip_sample_range": 1.0,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "thresholding": False,
    "timestep_spacing": "leading",
    "variance_type": "fixed_small",
}
BASE, FLASH, INPAINTING = "kandinsky-3-demo", "kandinsky-3-flash-demo", "kandinsky-3-inpainting-demo"
MODEL_INDEX = {
    "_class_name": "Kandinsky3Pipeline",
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "text_encoder": ["transformers", "T5EncoderModel"],
    "unet": ["diffusers", "Kandinsky3UNet"],
    "scheduler": ["diffusers", "DDPMScheduler"],
    "movq": ["diffusers", "VQModel"],
}


def export(run: Run, folder: Path) -> None:
    """Writes a checkpoint into a folder of its own for each part of the family that is trained so far."""
    written = [name for name, export_part in EXPORTS.items() if _is_written(export_part, run, folder / name)]
    if not written:
        raise FileNotFoundError(f"{run.folder} has nothing to export yet")


def _is_written(export_part: Callable[[Run, Path], None], run: Run, folder: Path) -> bool:
    try:
        export_part(run, folder)
    except FileNotFoundError:
        return False
    return True


def export_base(run: Run, folder: Path) -> None:
    """Writes the averaged weights of the base and all around it; diffusers loads the folder as it is."""
    config, network, autoencoder = run.config, load_base(run), load_autoencoder(run)
    codebook = {"quantize.embedding.weight": autoencoder.codebook.codes}
    text_encoder = network.text_encoder.state_dict()
    text_encoder.pop("encoder.embed_tokens.weight", None)  # tied to shared.weight
    _export_unet(network.unet, folder)
    _write_component(
        folder / "movq", config.autoencoder.movq.to_diffusers(), autoencoder.movq.state_dict() | codebook
    )
    encoder_config = t5_config(config.base.text_encoder).to_dict() | {"architectures": ["T5EncoderModel"]}
    _write_component(folder / "text_encoder", encoder_config, text_encoder, "model")
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    for file in (run.folder / "tokenizer").iterdir():
        _write(folder / "tokenizer" / file.name, file.read_bytes())
    _write_json(folder / "model_index.json", MODEL_INDEX)
    _write_json(folder / "serving.json", {"default_side": config.data.side})
    _write_json(folder / "training.json", _sections(config, "data", "autoencoder", "base"))


def export_flash(run: Run, folder: Path) -> None:
    """Writes the averaged weights of Flash; what else it needs it borrows from the base's folder."""
    network = load_base(run).unet
    _load_average(run, flash.STAGE, network)
    _export_unet(network, folder)
    _write_borrowing(folder, run, "Kandinsky3Pipeline", "flash")
    _write_json(folder / "training.json", _sections(run.config, "flash"))


def export_inpainting(run: Run, folder: Path) -> None:
    """Writes the averaged weights of inpainting; what else it needs it borrows from the base's folder."""
    network = inpainting.with_hole_channels(load_base(run).unet)
    _load_average(run, inpainting.STAGE, network)
    _export_unet(network, folder)
    _write_borrowing(folder, run, "Kandinsky3InpaintingPipeline", "kandinsky")
    _write_json(folder / "training.json", _sections(run.config, "inpainting"))


def _load_average(run: Run, stage: str, network: UNet) -> None:
    state = run.load(stage)
    if state is None:
        raise FileNotFoundError(f"{run.folder} has no trained {stage} yet")
    network.load_state_dict(state["average"])


def _export_unet(network: UNet, folder: Path) -> None:
    _write_component(folder / "unet", network.config.to_diffusers(), network.state_dict())


def _write_borrowing(folder: Path, run: Run, kind: str, sampler: str) -> None:
    index = {"_class_name": kind, "unet": ["diffusers", "Kandinsky3UNet"]}
    serving = {
        "default_side": run.config.data.side,
        "components": f"../{BASE}",
        "samplers": [sampler],
    }
    _write_json(folder / "model_index.json", index)
    _write_json(folder / "serving.json", serving)


def _sections(config: TrainingConfig, *names: str) -> dict[str, Any]:
    return {name: asdict(getattr(config, name)) for name in names}


def _write_component(
    folder: Path, config: dict[str, Any], weights: dict[str, Tensor], stem: str = "diffusion_pytorch_model"
) -> None:
    halves = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    _write_json(folder / "config.json", config)
    _write(folder / f"{stem}.safetensors", save(halves, metadata={"format": "pt"}))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    _write(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


EXPORTS: dict[str, Callable[[Run, Path], None]] = {
    BASE: export_base,
    FLASH: export_flash,
    INPAINTING: export_inpainting,
}
