"""All stages in earnest, two steps each, and what is exported of them."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import Kandinsky3Pipeline

from model.checkpoint import load_checkpoint
from model.training import autoencoder, diffusion
from model.training.bank import NUM_HELD_OUT, Bank
from model.training.export import export, fit_codebook
from model.training.run import Run
from tests.checkpoints import TINY
from tests.model.conftest import CPU

Train = Callable[[Run, Bank, torch.device, float], bool]
STAGES: tuple[Train, ...] = (autoencoder.train, diffusion.train, autoencoder.train_decoder)


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank(TINY)


@pytest.fixture(scope="module")
def trained(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with all its stages, not to be changed."""
    run = Run(tmp_path_factory.mktemp("run"), TINY)
    assert all(train(run, bank, CPU, math.inf) for train in STAGES)
    return run


@pytest.fixture(scope="module")
def exported(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "tiny"
    export(trained, folder)
    return folder


def test_bank_is_the_same_each_time(bank: Bank) -> None:
    again = Bank(TINY)
    assert len(bank) == TINY.bank_size
    assert again.captions == bank.captions
    assert torch.equal(again.batch(4, step=3), bank.batch(4, step=3))
    assert not torch.equal(bank.batch(4, step=4), bank.batch(4, step=3))
    assert bank.held_out.shape == (NUM_HELD_OUT, 3, 64, 64)
    assert bank.held_out.min() == -1
    assert bank.held_out.max() == 1


def test_diffusion_resumes_as_if_never_stopped(trained: Run, bank: Bank, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder, ignore=shutil.ignore_patterns("diffusion.pt", "decoder.pt"))
    run = Run(folder, TINY)

    class Stopped(Exception):
        pass

    def stop(stage: str, **_: float) -> None:
        raise Stopped

    run.log = stop  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        diffusion.train(run, bank, CPU, math.inf)
    state = run.load("diffusion")
    assert state is not None
    assert state["step"] == 1
    assert diffusion.train(Run(folder, TINY), bank, CPU, math.inf)
    found, expected = (each.load("diffusion") for each in (run, trained))
    assert found is not None
    assert expected is not None
    different = [
        name
        for name in found["average"]
        if not torch.equal(found["average"][name], expected["average"][name])
    ]
    assert different == []


def test_decoder_stage_leaves_latents_as_they_were(trained: Run, bank: Bank) -> None:
    before, after = (trained.load(name) for name in ("autoencoder", "decoder"))
    assert before is not None
    assert after is not None
    changed = {
        name.split(".")[0]
        for name, weight in before["average"].items()
        if not torch.equal(weight, after["average"][name])
    }
    assert changed == {"decoder", "post_quant_conv"}


def test_exported_checkpoint_has_the_trained_weights(trained: Run, exported: Path) -> None:
    checkpoint, state = load_checkpoint(exported, CPU), trained.load("diffusion")
    assert state is not None
    weight = state["average"]["unet.conv_out.weight"]
    assert torch.equal(checkpoint.unet.conv_out.weight, weight.half().float())
    assert checkpoint.default_side == 64
    assert checkpoint.name == "tiny"


def test_diffusers_loads_what_is_exported(exported: Path) -> None:
    pipeline = Kandinsky3Pipeline.from_pretrained(exported, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    [picture] = pipeline("a red apple", num_inference_steps=1, width=64, height=64).images
    assert picture.size == (64, 64)


def test_nothing_is_exported_before_training(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no trained"):
        export(Run(tmp_path / "run", TINY), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_diffusion_needs_an_autoencoder(tmp_path: Path, bank: Bank) -> None:
    with pytest.raises(FileNotFoundError, match="has no trained autoencoder yet"):
        diffusion.train(Run(tmp_path, TINY), bank, CPU, math.inf)


def test_codebook_finds_the_latents_there_are() -> None:
    centres = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    latents = centres[torch.arange(3 * 64) % 3].reshape(3, 8, 8, 4).permute(0, 3, 1, 2)
    codes = fit_codebook(latents, num_codes=16)
    assert codes.shape == (16, 4)
    assert torch.cdist(centres, codes).min(dim=1).values.max() < 1e-6
