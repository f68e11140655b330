"""A run of a tiny configuration, trained in earnest, two steps each stage."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model.training import autoencoder, base, flash, inpainting
from model.training.run import Run
from tests.model.conftest import CPU
from tests.model.training.tiny import TINY

CopyRun = Callable[..., Run]
#: What trains each stage that is saved under a name of its own, in order.
STAGES = {
    "autoencoder": autoencoder.train,
    "base-small": base.train,
    "base-mixed": base.train,
    "decoder": autoencoder.train_decoder,
    "inpainting": inpainting.train,
    "flash": flash.train,
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All its stages are complete; not to be changed."""
    run = Run(tmp_path_factory.mktemp("run"), TINY)
    for train in dict.fromkeys(STAGES.values()):
        assert train(run, CPU, math.inf)
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
