"""A run of the tiny configuration, trained in earnest, two steps each stage."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model.training import autoencoder, diffusion
from model.training.bank import Bank
from model.training.run import Run
from tests.checkpoints import TINY
from tests.model.conftest import CPU

CopyRun = Callable[..., Run]


@pytest.fixture(scope="session")
def bank() -> Bank:
    return Bank(TINY)


@pytest.fixture(scope="session")
def trained(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All its stages are complete; not to be changed."""
    run = Run(tmp_path_factory.mktemp("run"), TINY)
    for train in (autoencoder.train, diffusion.train, autoencoder.train_decoder):
        assert train(run, bank, CPU, math.inf)
    return run


@pytest.fixture
def copy_run(trained: Run, tmp_path: Path) -> CopyRun:
    """Copies the trained run without some of its stages."""

    def copy(*missing: str) -> Run:
        folder = tmp_path / "runs" / TINY.name
        shutil.copytree(trained.folder, folder)
        for stage in missing:
            (folder / f"{stage}.pt").unlink()
        return Run(folder, TINY)

    return copy
