"""Writes what is trained as checkpoints, fp16: a folder for each, all of them in one folder."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from model.training import flash, inpainting
from model.training.autoencoder import load_autoencoder
from model.training.base import load_base, t5_config
from model.training.run import NotTrained, Run, copy_atomically
from model.training.superres.flash import FLASH_X2
from model.training.superres.training import X2, X4, load_superres
from model.unet import UNet
from model.upscaler import CLASS as UPSCALER

#: Names of the checkpoints.
BASE, FLASH, INPAINTING = "kandinsky-3-demo", "kandinsky-3-flash-demo", "kandinsky-3-inpainting-demo"
SUPERRES_X4, SUPERRES_X2 = "kandisuperres-x4-demo", "kandisuperres-x2-demo"
SUPERRES_FLASH_X2 = "kandisuperres-flash-x2-demo"

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


def export(run: Run, folder: Path) -> list[str]:
    """Writes a checkpoint for each part of the family that is trained so far, and returns their names.

    A checkpoint that is there already is replaced as a whole. Raises NotTrained when there is none to write,
    and ConfigurationChanged when a part was trained with another configuration.
    """
    with tempfile.TemporaryDirectory() as written:
        names = [name for name, write in EXPORTS.items() if _is_written(write, run, Path(written, name))]
        if not names:
            raise NotTrained(f"{run.folder} has nothing to export yet")
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            copy_atomically(Path(written, name), folder / name)
    return names


def _is_written(write: Callable[[Run, Path], None], run: Run, folder: Path) -> bool:
    try:
        write(run, folder)
    except NotTrained:
        return False
    return True


def export_base(run: Run, folder: Path) -> None:
    """The base and all around it; diffusers loads the folder as it is."""
    run.require_same("data", "autoencoder", "base")
    run.require_same("data", "autoencoder", "decoder")
    config, network, autoencoder = run.config, load_base(run), load_autoencoder(run)
    codebook = {"quantize.embedding.weight": autoencoder.codebook.codes}
    text_encoder = network.text_encoder.state_dict()
    text_encoder.pop("encoder.embed_tokens.weight", None)  # tied to shared.weight
    encoder_config = t5_config(config.base.text_encoder).to_dict() | {"architectures": ["T5EncoderModel"]}
    _write_unet(network.unet, folder)
    _write_component(
        folder / "movq", config.autoencoder.movq.to_diffusers(), autoencoder.movq.state_dict() | codebook
    )
    _write_component(folder / "text_encoder", encoder_config, text_encoder, "model")
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    copy_atomically(run.folder / "tokenizer", folder / "tokenizer")
    _write_json(folder / "model_index.json", MODEL_INDEX)
    _write_json(folder / "serving.json", {"default_side": config.data.side})
    _write_recipe(run, folder, "data", "autoencoder", "base", "decoder")


def export_flash(run: Run, folder: Path) -> None:
    """Flash; what else it needs it borrows from the base's folder."""
    run.require_same("data", "autoencoder", "base", "flash")
    network = load_base(run).unet
    network.load_state_dict(run.load_average(flash.STAGE))
    _write_borrowing(network, folder, run, "Kandinsky3Pipeline", "flash")
    _write_recipe(run, folder, "flash")


def export_inpainting(run: Run, folder: Path) -> None:
    """Inpainting; what else it needs it borrows from the base's folder."""
    run.require_same("data", "autoencoder", "base", "inpainting")
    network = inpainting.with_hole_channels(load_base(run).unet)
    network.load_state_dict(run.load_average(inpainting.STAGE))
    _write_borrowing(network, folder, run, "Kandinsky3InpaintingPipeline", "kandinsky")
    _write_recipe(run, folder, "inpainting")


def export_superres(stage: str, serving: dict[str, Any], run: Run, folder: Path) -> None:
    """A network that makes pictures larger."""
    sections = ("superres", "superres_flash") if stage == FLASH_X2 else ("superres",)
    run.require_same(*sections)
    network = load_superres(run, stage)
    _write_component(folder / "unet", network.config.to_json(), network.state_dict())
    _write_json(folder / "model_index.json", {"_class_name": UPSCALER, "unet": ["model", "SuperResUNet"]})
    _write_json(folder / "serving.json", serving)
    _write_recipe(run, folder, *sections)


EXPORTS: dict[str, Callable[[Run, Path], None]] = {
    BASE: export_base,
    FLASH: export_flash,
    INPAINTING: export_inpainting,
    SUPERRES_X4: partial(export_superres, X4, {"scale": 4, "sampler": "dpmsolver++"}),
    SUPERRES_X2: partial(export_superres, X2, {"scale": 2, "sampler": "dpmsolver++"}),
    SUPERRES_FLASH_X2: partial(export_superres, FLASH_X2, {"scale": 2, "sampler": "flash"}),
}


def _write_unet(network: UNet, folder: Path) -> None:
    _write_component(folder / "unet", network.config.to_diffusers(), network.state_dict())


def _write_borrowing(network: UNet, folder: Path, run: Run, kind: str, sampler: str) -> None:
    serving = {"default_side": run.config.data.side, "components": f"../{BASE}", "samplers": [sampler]}
    _write_unet(network, folder)
    _write_json(folder / "model_index.json", {"_class_name": kind, "unet": ["diffusers", "Kandinsky3UNet"]})
    _write_json(folder / "serving.json", serving)


def _write_recipe(run: Run, folder: Path, *sections: str) -> None:
    """How a checkpoint was trained, for whoever finds it."""
    _write_json(folder / "training.json", {name: asdict(getattr(run.config, name)) for name in sections})


def _write_component(
    folder: Path, config: dict[str, Any], weights: dict[str, Tensor], stem: str = "diffusion_pytorch_model"
) -> None:
    halves = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    for name, tensor in halves.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{folder.parent.name}/{folder.name}: {name} is not finite in fp16")
    _write_json(folder / "config.json", config)
    (folder / f"{stem}.safetensors").write_bytes(save(halves, metadata={"format": "pt"}))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
