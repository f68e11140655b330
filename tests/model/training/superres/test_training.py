"""A run of a tiny super-resolution configuration, trained in earnest, two steps each stage."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.pixels import Pixels
from model.superres import SuperResConfig, SuperResUNet
from model.training.adversary import Discriminator, HeadSizes, Judged
from model.training.config import CONFIGS, DataConfig, StageConfig, SuperResFlashTraining, SuperResTraining
from model.training.export import EXPORTS, SUPERRES_FLASH_X2, SUPERRES_X2, SUPERRES_X4
from model.training.run import ConfigurationChanged, Run, Unfinished
from model.training.superres import flash as flash_x2
from model.training.superres import training as superres
from model.training.superres.degradations import DegradationConfig
from model.training.superres.start import start_bilinear
from model.training.superres.training import X2, X4, Cuts, load_superres
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest
from tests.model.conftest import CPU
from tests.model.training.tiny import TINY

STEPS = StageConfig(num_steps=2, batch_size=4, learning_rate=1e-3, warmup_steps=1, save_every=1)
NETWORK = SuperResConfig(
    init_channels=16, block_out_channels=(16, 16, 24), num_blocks=(2, 1, 1), time_embed_dim=16, groups=4
)
CONFIG = SuperResTraining(
    network=NETWORK,
    data=DataConfig(
        side=64,
        num_pictures=4,
        common_objects_only=True,
        compositions=TINY.data.compositions,
        seed=1,
        num_held_out=4,
    ),
    degradations=DegradationConfig(),
    x4_stage=STEPS,
    x2_stage=STEPS,
    cut_sides=(16, 32),
)
FAMILY = replace(TINY, superres=CONFIG, superres_flash=SuperResFlashTraining(STEPS, head_width=16))
STAGES: dict[str, Callable[..., bool]] = {
    X4: superres.train_x4,
    X2: superres.train_x2,
    flash_x2.FLASH_X2: flash_x2.train,
}
#: What each checkpoint may take.
MAX_BYTES = 11e6 / 3


class Stopped(Exception):
    """Stops a run after its first save."""


class StoppingRun(Run):
    def log(self, stage: str, **values: float) -> None:
        raise Stopped


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All its stages are complete; not to be changed."""
    run = Run(tmp_path_factory.mktemp("superres"), FAMILY)
    for train in STAGES.values():
        assert train(run, CPU, math.inf)
    return run


@pytest.fixture(scope="module")
def cuts() -> Cuts:
    return Cuts(CONFIG, 4, CPU)


@pytest.fixture
def small_pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)


def weights(run: Run, stage: str) -> dict[str, Tensor]:
    return load_superres(run, stage).state_dict()


def are_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("stage", [X4, flash_x2.FLASH_X2])
def test_stage_resumes_as_if_never_stopped(stage: str, trained: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder)
    (folder / f"{stage}.pt").unlink()
    with pytest.raises(Stopped):
        STAGES[stage](StoppingRun(folder, FAMILY), CPU, math.inf)
    run = Run(folder, FAMILY)
    assert not are_same(weights(run, stage), weights(trained, stage))
    assert STAGES[stage](run, CPU, math.inf)
    assert are_same(weights(run, stage), weights(trained, stage))


def test_each_stage_needs_the_one_before(tmp_path: Path) -> None:
    run = Run(tmp_path, FAMILY)
    with pytest.raises(Unfinished, match="superres_x4 is at step 0 of 2"):
        superres.train_x2(run, CPU, math.inf)
    with pytest.raises(Unfinished, match="superres_x2 is at step 0 of 2"):
        flash_x2.train(run, CPU, math.inf)


def test_another_configuration_is_refused(trained: Run) -> None:
    changed = replace(FAMILY, superres=replace(CONFIG, timestep_power=1.0))
    with pytest.raises(ConfigurationChanged, match="timestep_power"):
        superres.train_x4(Run(trained.folder, changed), CPU, math.inf)


def test_log_compares_with_bicubic(trained: Run) -> None:
    log = (trained.folder / "metrics.jsonl").read_text()
    assert log.count('"psnr"') == log.count('"bicubic_psnr"') == 2 * len(STAGES)


def test_cuts_of_a_step_are_the_same_each_time(cuts: Cuts) -> None:
    first, again, other = (cuts.batch(4, step).large for step in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_large_cuts_are_fewer(cuts: Cuts) -> None:
    shapes = {cuts.batch(4, step).large.shape for step in range(12)}
    assert shapes == {(4, 3, 16, 16), (1, 3, 32, 32)}


def test_small_pictures_have_a_quarter_of_the_sides(cuts: Cuts) -> None:
    pair = cuts.batch(4, step=0)
    assert pair.small.shape[2] * 4 == pair.large.shape[2]


def test_network_starts_as_bilinear_enlargement(cuts: Cuts) -> None:
    torch.manual_seed(0)
    network = SuperResUNet(CONFIGS["cpu"].superres.network)
    start_bilinear(network)
    pictures = cuts.bank.held_out[:4]
    small = F.avg_pool2d(pictures, 4)
    bilinear = F.interpolate(small, scale_factor=4.0, mode="bilinear")
    with torch.inference_mode():
        started = network(torch.randn_like(pictures), torch.full((4,), 999), small)
    assert (started - bilinear).square().mean() < 0.1 * bilinear.var()


def test_network_too_narrow_for_its_start_is_refused() -> None:
    narrow = replace(NETWORK, init_channels=8, block_out_channels=(8, 8, 8))
    with pytest.raises(ValueError, match="init_channels=8: groups=4"):
        start_bilinear(SuperResUNet(narrow))


def test_heads_know_the_timestep() -> None:
    torch.manual_seed(0)
    network = SuperResUNet(NETWORK)
    discriminator = Discriminator(NETWORK.block_out_channels, HeadSizes(16, NETWORK.time_embed_dim))
    for head in discriminator.children():
        torch.nn.init.normal_(next(head.children()).norm.linear.weight)
    pictures, timesteps = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1), torch.tensor([20, 400])
    embedding = network.embed(timesteps)
    features = network.descend(pictures, embedding, pictures[:, :, ::4, ::4])
    same = [part[:1].expand_as(part) for part in features]
    scores = discriminator(Judged(same, embedding))
    assert scores.shape == (2,)
    assert scores[0] != scores[1]


@pytest.mark.parametrize(
    ("name", "scale", "sampler"),
    [
        (SUPERRES_X4, 4, "dpmsolver++"),
        (SUPERRES_X2, 2, "dpmsolver++"),
        (SUPERRES_FLASH_X2, 2, "flash"),
    ],
)
def test_export_enlarges_as_it_was_trained(
    name: str, scale: int, sampler: str, trained: Run, tmp_path: Path, small_pixels: Pixels
) -> None:
    EXPORTS[name](trained, tmp_path)
    upscaler = load_upscaler(tmp_path, CPU)
    pipeline = UpscalePipeline(upscaler)
    upscalings = pipeline.start([UpscaleRequest(small_pixels, seed=0)])
    while not upscalings[0].is_done:
        pipeline.step(upscalings)
    side = 16 * upscaler.scale
    assert (upscaler.scale, upscaler.sampler) == (scale, sampler)
    assert pipeline.decode(upscalings)[0].shape == (side, side, 3)


def test_export_needs_a_trained_network(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no trained superres_x4 yet"):
        EXPORTS[SUPERRES_X4](Run(tmp_path, FAMILY), tmp_path)


@pytest.mark.parametrize("name", CONFIGS)
def test_networks_fit_the_package(name: str) -> None:
    with torch.device("meta"):
        network = SuperResUNet(CONFIGS[name].superres.network)
    assert 2 * sum(weight.numel() for weight in network.parameters()) < MAX_BYTES


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CONFIGS)
def test_configuration_trains(name: str, tmp_path: Path) -> None:
    step = StageConfig(num_steps=1, batch_size=1, learning_rate=1e-3)
    config = CONFIGS[name]
    data = replace(config.superres.data, num_pictures=4, common_objects_only=True, num_held_out=1)
    short = replace(
        config,
        superres=replace(config.superres, data=data, x4_stage=step, x2_stage=step),
        superres_flash=replace(config.superres_flash, stage=step),
    )
    run = Run(tmp_path, short)
    assert all(train(run, CPU, math.inf) for train in STAGES.values())
