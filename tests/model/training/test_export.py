import json
from pathlib import Path

import pytest
import torch
from diffusers import Kandinsky3Pipeline

from model.checkpoint import FAMILY, load_checkpoint
from model.training.export import BASE, EXPORTS, FLASH, INPAINTING, export
from model.training.run import Run
from tests.model.conftest import CPU
from tests.model.training.conftest import CopyRun
from tests.model.training.tiny import TINY

#: What all shipped weights may take together.
MAX_BYTES = 90e6


@pytest.fixture(scope="module")
def exported(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export(trained, folder)
    return folder


@pytest.mark.parametrize(
    ("name", "stage", "prefix"),
    [(BASE, "base-mixed", "unet."), (FLASH, "flash", ""), (INPAINTING, "inpainting", "")],
)
def test_checkpoint_has_the_averaged_weights(
    name: str, stage: str, prefix: str, trained: Run, exported: Path
) -> None:
    state = trained.load(stage)
    assert state is not None
    expected = state["average"][f"{prefix}conv_in.weight"]
    unet = load_checkpoint(exported / name, CPU).unet
    assert torch.equal(unet.conv_in.weight, expected.half().float())


def test_decoder_and_codes_are_the_last_ones(trained: Run, exported: Path) -> None:
    state = trained.load("decoder")
    assert state is not None
    movq = load_checkpoint(exported / BASE, CPU).movq
    expected = state["average"]["movq.decoder.conv_out.weight"]
    assert torch.equal(movq.decoder.conv_out.weight, expected.half().float())


def test_checkpoint_tells_its_side(exported: Path) -> None:
    assert load_checkpoint(exported / BASE, CPU).default_side == TINY.data.side


def test_checkpoint_tells_how_it_was_trained(exported: Path) -> None:
    told = json.loads((exported / FLASH / "training.json").read_text())
    assert told["flash"]["critic_learning_rate"] == TINY.flash.critic_learning_rate


def test_diffusers_loads_what_is_exported(exported: Path) -> None:
    pipeline = Kandinsky3Pipeline.from_pretrained(exported / BASE, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    [picture] = pipeline("a red apple", num_inference_steps=1, width=64, height=64).images
    assert picture.size == (64, 64)


def test_what_is_not_trained_is_left_out(copy_run: CopyRun, tmp_path: Path) -> None:
    export(copy_run("flash"), tmp_path / "exported")
    assert (tmp_path / "exported" / INPAINTING / "model_index.json").exists()
    assert not (tmp_path / "exported" / FLASH).exists()


def test_nothing_is_exported_before_training(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has nothing to export yet"):
        export(Run(tmp_path / "run", TINY), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_whole_family_is_shipped_and_small() -> None:
    assert {folder.name for folder in FAMILY.iterdir()} == set(EXPORTS)
    assert sum(file.stat().st_size for file in FAMILY.rglob("*") if file.is_file()) <= MAX_BYTES
