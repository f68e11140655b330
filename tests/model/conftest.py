"""What the tests of the networks share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from model.checkpoint import load_checkpoint
from model.pipeline import Pipeline, Request
from tests.checkpoints import write_checkpoint
from tests.model.originals import CONFIG, write_kandinsky_3_1, write_kandisuperres, write_original

MakeRequest = Callable[..., Request]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pipeline(tiny_checkpoint: Path) -> Pipeline:
    """The networks of the tiny checkpoint."""
    return Pipeline(load_checkpoint(tiny_checkpoint, CPU))


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be changed."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "copy")


@pytest.fixture(scope="session")
def diffusers_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of sizes that the original layout can tell."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "diffusers", CONFIG)


@pytest.fixture(scope="session")
def original_checkpoint(diffusers_checkpoint: Path) -> Path:
    """The same weights in the original layout."""
    return write_original(diffusers_checkpoint, diffusers_checkpoint.parent / "original")


@pytest.fixture
def original(original_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint in the original layout, to be changed."""
    return shutil.copytree(original_checkpoint, tmp_path / "original")


@pytest.fixture(scope="session")
def published_folder(original_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that Kandinsky 3.1 and KandiSuperRes were pulled into; not to be changed."""
    folder = tmp_path_factory.mktemp("published")
    write_kandinsky_3_1(original_checkpoint, folder / "Kandinsky3.1")
    write_kandisuperres(folder / "KandiSuperRes")
    return folder


@pytest.fixture
def make_request() -> MakeRequest:
    """Makes a request; keywords set its fields."""

    def make(**fields: object) -> Request:
        defaults: dict[str, object] = {
            "prompt": "a red apple",
            "width": 64,
            "height": 64,
            "num_steps": 5,
            "sampler": "ddpm",
            "seed": 7,
        }
        return Request(**(defaults | fields))  # type: ignore[arg-type]

    return make
