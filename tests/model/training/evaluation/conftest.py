"""Few objects, the judge's network, and a family of random weights under the names that are evaluated."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.progress import Progress

from model.training.evaluation import bench as bench_module
from model.training.evaluation.bench import Bench
from model.training.evaluation.features import Features
from model.training.evaluation.weights import MODELS
from model.training.pictures import Picture, load_pictures
from tests.checkpoints import write_family

#: Objects of many colours and shapes, some of them alike.
OBJECTS = (
    *("red apple", "green apple", "cat face", "dog face", "pizza", "penguin", "rocket", "key", "banana"),
    *("strawberry", "lemon", "carrot"),
)
TINY = ("tiny", "tiny-flash", "tiny-inpainting", "tiny-x4", "tiny-x2", "tiny-flash-x2")


@pytest.fixture(scope="session")
def objects() -> list[Picture]:
    return load_pictures(OBJECTS)


@pytest.fixture(scope="session")
def features() -> Features:
    return Features()


@pytest.fixture
def bench(features: Features, few_objects: None) -> Bench:
    """A bench for rough figures."""
    return Bench(features, Progress(disable=True), is_quick=True, num_steps=2)


@pytest.fixture
def few_objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only few objects are common, and there are no others."""
    known = bench_module.load_pictures
    monkeypatch.setattr(bench_module, "common_objects", lambda: OBJECTS)
    monkeypatch.setattr(bench_module, "load_pictures", lambda names, style: known(names or OBJECTS, style))
    bench_module.load_objects.cache_clear()
    yield
    bench_module.load_objects.cache_clear()


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole family, of random weights."""
    folder = write_family(tmp_path_factory.mktemp("family"))
    for model, tiny in zip(MODELS, TINY, strict=True):
        (folder / model).symlink_to(folder / tiny)
    return folder
