import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.training import base, flash, inpainting
from model.training.config import CONFIGS, TrainingConfig
from model.training.export import export
from model.training.run import Run, Unfinished
from tests.model.conftest import CPU
from tests.model.training.conftest import STAGES, CopyRun
from tests.model.training.tiny import TINY, shorten

#: What the three checkpoints that draw may take: of the family's 90 MB, 11 are for super-resolution.
MAX_BYTES = 79e6


class Stopped(Exception):
    """Stops a run after its first save."""


class StoppingRun(Run):
    def log(self, stage: str, **values: float) -> None:
        raise Stopped


def average(run: Run, stage: str) -> dict[str, Tensor]:
    state = run.load(stage)
    assert state is not None
    weights: dict[str, Tensor] = state["average"]
    return weights


def different(first: dict[str, Tensor], second: dict[str, Tensor]) -> set[str]:
    """Names of the weights that differ."""
    return {name for name in first if not torch.equal(first[name], second[name])}


@pytest.mark.parametrize("stage", STAGES)
def test_stage_resumes_as_if_never_stopped(stage: str, trained: Run, copy_run: CopyRun) -> None:
    run = copy_run(*{stage, "decoder"})
    with pytest.raises(Stopped):
        STAGES[stage](StoppingRun(run.folder, TINY), CPU, math.inf)
    assert different(average(run, stage), average(trained, stage))
    assert STAGES[stage](run, CPU, math.inf)
    assert not different(average(run, stage), average(trained, stage))


def test_decoder_stage_leaves_latents_and_codes_as_they_were(trained: Run) -> None:
    changed = different(average(trained, "autoencoder"), average(trained, "decoder"))
    assert {name.rpartition("movq.")[2].split(".")[0] for name in changed} == {"decoder", "post_quant_conv"}


def test_second_stage_goes_on_from_the_first(trained: Run, copy_run: CopyRun) -> None:
    run = copy_run("base-mixed")
    first = run.load("base-small")
    assert first is not None
    for weight in first["network"].values():
        weight.zero_()
    run.save("base-small", first)
    assert base.train(run, CPU, math.inf)
    assert different(average(run, "base-mixed"), average(trained, "base-mixed"))


@pytest.mark.parametrize("stage", ["base-small", "decoder"])
def test_what_needs_the_autoencoder_says_so(stage: str, tmp_path: Path) -> None:
    with pytest.raises(Unfinished, match="autoencoder is at step 0 of 2: train it to its end first"):
        STAGES[stage](Run(tmp_path, TINY), CPU, math.inf)
    assert not (tmp_path / "base.json").exists()


def test_half_an_autoencoder_is_not_built_on(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        STAGES["autoencoder"](StoppingRun(tmp_path, TINY), CPU, math.inf)
    with pytest.raises(Unfinished, match="autoencoder is at step 1 of 2"):
        base.train(Run(tmp_path, TINY), CPU, math.inf)


@pytest.mark.parametrize("stage", ["flash", "inpainting"])
def test_what_starts_from_the_base_says_so(stage: str, copy_run: CopyRun) -> None:
    run = copy_run("base-mixed")
    with pytest.raises(Unfinished, match="base-mixed is at step 0 of 2"):
        STAGES[stage](run, CPU, math.inf)


def test_every_weight_of_the_student_learns(trained: Run) -> None:
    student = base.load_base(trained).unet
    game = flash.Game(TINY.flash, student, base.load_base(trained).requires_grad_(False))
    with torch.autocast("cpu", torch.bfloat16):
        game.loss(torch.randn(2, 4, 8, 8), torch.tensor([[5, 6, 1], [7, 1, 0]])).backward()
    assert [name for name, weight in student.named_parameters() if weight.grad is None] == []


def test_hole_channels_start_without_effect(trained: Run) -> None:
    unet = base.load_base(trained).unet
    grown = inpainting.with_hole_channels(unet)
    latents, known = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 8, 8)
    assert torch.equal(grown.conv_in(torch.cat([latents, known], dim=1)), unet.conv_in(latents))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_configuration_trains_and_fits_in_the_package(config: TrainingConfig, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", shorten(config))
    for train in dict.fromkeys(STAGES.values()):
        assert train(run, CPU, math.inf)
    export(run, tmp_path / "family")
    files = [file for file in (tmp_path / "family").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MAX_BYTES
