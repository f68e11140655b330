"""What the tests of the networks share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from model.checkpoint import load_checkpoint
from model.pipeline import Pipeline, Request

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
