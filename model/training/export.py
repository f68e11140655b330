"""Writes a trained run as a checkpoint in the diffusers folder layout, fp16."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from model.training.autoencoder import load_autoencoder
from model.training.diffusion import STAGE as DIFFUSION
from model.training.diffusion import t5_config
from model.training.run import Run, write_atomically

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
MODEL_INDEX = {
    "_class_name": "Kandinsky3Pipeline",
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "text_encoder": ["transformers", "T5EncoderModel"],
    "unet": ["diffusers", "Kandinsky3UNet"],
    "scheduler": ["diffusers", "DDPMScheduler"],
    "movq": ["diffusers", "VQModel"],
}


def export(run: Run, folder: Path) -> None:
    """Writes the averaged weights of a run with all its stages; diffusers loads the folder as it is."""
    config = run.config
    diffusion, examples = run.load(DIFFUSION), run.load("examples")
    if not (diffusion and examples):
        raise FileNotFoundError(f"{run.folder} has no trained U-Net to export yet")
    movq = load_autoencoder(run).state_dict() | {
        "quantize.embedding.weight": fit_codebook(examples["latents"].float(), config.movq.num_codes)
    }
    text_encoder = _part(diffusion["average"], "text_encoder.")
    text_encoder.pop("encoder.embed_tokens.weight", None)  # tied to shared.weight
    _write_component(folder / "unet", config.unet.to_diffusers(), _part(diffusion["average"], "unet."))
    _write_component(folder / "movq", config.movq.to_diffusers(), movq)
    encoder_config = t5_config(config.text_encoder).to_dict() | {"architectures": ["T5EncoderModel"]}
    _write_component(folder / "text_encoder", encoder_config, text_encoder, "model")
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    for file in (run.folder / "tokenizer").iterdir():
        _write(folder / "tokenizer" / file.name, file.read_bytes())
    _write_json(folder / "model_index.json", MODEL_INDEX)
    _write_json(folder / "serving.json", {"default_side": config.side})
    _write_json(folder / "training.json", json.loads(json.dumps(asdict(config))))


def fit_codebook(latents: Tensor, num_codes: int, num_rounds: int = 10) -> Tensor:
    """A codebook (num_codes, 4) for latents (N, 4, h, w), by k-means; Kandinsky 3 itself never quantises."""
    vectors = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    generator = torch.Generator().manual_seed(0)
    vectors = vectors[torch.randperm(len(vectors), generator=generator)[: 32 * num_codes]]
    codes = vectors[:num_codes].clone()
    for _ in range(num_rounds):
        nearest = torch.cdist(vectors, codes).argmin(dim=1)
        sums = torch.zeros_like(codes).index_add_(0, nearest, vectors)
        counts = torch.bincount(nearest, minlength=num_codes)[:, None]
        codes = torch.where(counts > 0, sums / counts.clamp(min=1), codes)
    return codes


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


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
