import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.movq import MoVQ
from model.training import autoencoder, diffusion
from model.training.autoencoder import measure_psnr
from model.training.bank import NUM_HELD_OUT, Bank
from model.training.config import CONFIGS, StageConfig, TrainingConfig
from model.training.export import export
from model.training.run import Run
from tests.checkpoints import TINY
from tests.model.conftest import CPU
from tests.model.training.conftest import CopyRun

#: What all files of a demonstration checkpoint may take.
MAX_BYTES = 40e6


class Stopped(Exception):
    """Stops a run after its first save."""


class StoppingRun(Run):
    def log(self, stage: str, **values: float) -> None:
        raise Stopped


def different(run: Run, other: Run, stage: str, other_stage: str | None = None) -> set[str]:
    """Names of the averaged weights that differ."""
    first, second = run.load(stage), other.load(other_stage or stage)
    assert first is not None
    assert second is not None
    averages: tuple[dict[str, Tensor], ...] = (first["average"], second["average"])
    return {name for name in averages[0] if not torch.equal(averages[0][name], averages[1][name])}


def test_bank_is_the_same_each_time(bank: Bank) -> None:
    again = Bank(TINY)
    assert len(bank) == TINY.bank_size
    assert again.captions == bank.captions
    assert torch.equal(again.batch(4, step=3), bank.batch(4, step=3))
    assert not torch.equal(bank.batch(4, step=4), bank.batch(4, step=3))


def test_pictures_of_the_bank_are_in_range(bank: Bank) -> None:
    assert bank.held_out.shape == (NUM_HELD_OUT, 3, 64, 64)
    assert bank.held_out.min() == -1
    assert bank.held_out.max() == 1


@pytest.mark.parametrize(
    ("stage", "train"),
    [
        ("autoencoder", autoencoder.train),
        ("diffusion", diffusion.train),
        ("decoder", autoencoder.train_decoder),
    ],
)
def test_stage_resumes_as_if_never_stopped(
    stage: str, train: Callable[..., bool], trained: Run, bank: Bank, copy_run: CopyRun
) -> None:
    run = copy_run(*{stage, "decoder"})
    with pytest.raises(Stopped):
        train(StoppingRun(run.folder, TINY), bank, CPU, math.inf)
    assert different(run, trained, stage)
    assert train(run, bank, CPU, math.inf)
    assert not different(run, trained, stage)


def test_decoder_stage_leaves_latents_as_they_were(trained: Run) -> None:
    changed = different(trained, trained, "autoencoder", "decoder")
    assert {name.split(".")[0] for name in changed} == {"decoder", "post_quant_conv"}


def test_diffusion_needs_an_autoencoder(tmp_path: Path, bank: Bank) -> None:
    with pytest.raises(FileNotFoundError, match="has no trained autoencoder yet"):
        diffusion.train(Run(tmp_path, TINY), bank, CPU, math.inf)


def test_quality_is_measured_in_decibels() -> None:
    class Shifted(MoVQ):
        def encode(self, pictures: Tensor) -> Tensor:
            return pictures

        def decode(self, latents: Tensor) -> Tensor:
            return latents + 0.2

    assert measure_psnr(Shifted(TINY.movq), torch.zeros(40, 3, 8, 8)) == pytest.approx(20.0)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_configuration_trains_and_fits_in_the_package(config: TrainingConfig, tmp_path: Path) -> None:
    step = StageConfig(num_steps=1, batch_size=2, learning_rate=1e-3)
    short = replace(config, bank_size=4, autoencoder_stage=step, diffusion_stage=step, decoder_stage=step)
    short = replace(short, movq=replace(config.movq, num_codes=16))
    run, bank = Run(tmp_path / "run", short), Bank(short)
    for train in (autoencoder.train, diffusion.train, autoencoder.train_decoder):
        assert train(run, bank, CPU, math.inf)
    export(run, tmp_path / "checkpoint")
    files = [file for file in (tmp_path / "checkpoint").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MAX_BYTES
