"""Writes trained super-resolution networks as checkpoints, fp16."""

from dataclasses import asdict
from pathlib import Path

from model.training import superres_flash
from model.training.export import _write_component, _write_json
from model.training.run import Run
from model.training.superres import X2, X4, load_superres
from model.upscaler import CLASS

MODEL_INDEX = {"_class_name": CLASS, "unet": ["model", "SuperResUNet"]}
#: What the checkpoint of each stage says of itself.
SERVING: dict[str, dict[str, object]] = {
    X4: {"scale": 4, "sampler": "dpmsolver++"},
    X2: {"scale": 2, "sampler": "dpmsolver++"},
    superres_flash.STAGE: {"scale": 2, "sampler": "flash"},
}


def export_superres(run: Run, stage: str, folder: Path) -> None:
    """Writes the averaged weights of a stage. Raises FileNotFoundError before it is trained."""
    network, config = load_superres(run, stage), run.config
    _write_component(folder / "unet", network.config.to_json(), network.state_dict())
    _write_json(folder / "model_index.json", MODEL_INDEX)
    _write_json(folder / "serving.json", SERVING[stage])
    training = {"superres": asdict(config.superres)}
    if stage == superres_flash.STAGE:
        training |= {"superres_flash": asdict(config.superres_flash)}
    _write_json(folder / "training.json", training)
