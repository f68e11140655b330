from pathlib import Path

import pytest
import torch
from diffusers import Kandinsky3Pipeline

from model.checkpoint import load_checkpoint
from model.training.export import export, fit_codebook
from model.training.run import Run
from tests.checkpoints import TINY
from tests.model.conftest import CPU


@pytest.fixture(scope="module")
def exported(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "tiny"
    export(trained, folder)
    return folder


def test_checkpoint_has_the_averaged_weights(trained: Run, exported: Path) -> None:
    checkpoint = load_checkpoint(exported, CPU)
    diffusion, decoder = trained.load("diffusion"), trained.load("decoder")
    assert diffusion is not None
    assert decoder is not None
    for network, name, expected in (
        (checkpoint.unet, "conv_out.weight", diffusion["average"]["unet.conv_out.weight"]),
        (checkpoint.movq, "decoder.conv_out.weight", decoder["average"]["decoder.conv_out.weight"]),
    ):
        assert torch.equal(network.get_parameter(name), expected.half().float())


def test_checkpoint_tells_its_side(exported: Path) -> None:
    assert load_checkpoint(exported, CPU).default_side == TINY.side


def test_diffusers_loads_what_is_exported(exported: Path) -> None:
    pipeline = Kandinsky3Pipeline.from_pretrained(exported, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    [picture] = pipeline("a red apple", num_inference_steps=1, width=64, height=64).images
    assert picture.size == (64, 64)


def test_nothing_is_exported_before_training(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no trained"):
        export(Run(tmp_path / "run", TINY), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_codebook_finds_the_latents_there_are() -> None:
    centres = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    latents = centres[torch.arange(3 * 64) % 3].reshape(3, 8, 8, 4).permute(0, 3, 1, 2)
    codes = fit_codebook(latents, num_codes=16)
    assert codes.shape == (16, 4)
    assert torch.cdist(centres, codes).min(dim=1).values.max() < 1e-6
