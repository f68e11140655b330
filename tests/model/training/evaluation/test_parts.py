"""Every part, with the whole family of random weights and with nothing but a base."""

from pathlib import Path

import pytest

from model.training.evaluation.__main__ import PARTS
from model.training.evaluation.bench import Bench, load_objects
from model.training.evaluation.enlarging import draw_truth, enlarge_bicubic, shrink, wear
from model.training.evaluation.inpainting import draw_task
from model.training.evaluation.quality import psnr
from model.training.evaluation.weights import NoCheckpoints, Weights
from model.training.export import INPAINTING, SUPERRES_X4
from tests.model.conftest import CPU


@pytest.fixture
def only_upscaling(family: Path, tmp_path: Path) -> Path:
    """A folder with a single model."""
    (tmp_path / SUPERRES_X4).symlink_to(family / SUPERRES_X4)
    return tmp_path


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("all-objects", "styles")])
def test_a_part_measures_the_whole_family(part: str, family: Path, bench: Bench) -> None:
    figures = list(PARTS[part](Weights("cpu", family, CPU), bench))
    measured = [figure for figure in figures if figure.value is not None]
    assert measured
    assert all(figure.num_pictures for figure in measured)


@pytest.mark.parametrize("part", PARTS)
def test_missing_checkpoints_leave_cells_empty(part: str, only_upscaling: Path, bench: Bench) -> None:
    figures = list(PARTS[part](Weights("cpu", only_upscaling, CPU), bench))
    assert figures
    assert {figure.value for figure in figures if "x4" not in figure.measure} <= {None}


def test_the_same_weights_give_the_same_figures(family: Path, bench: Bench) -> None:
    first, again = (list(PARTS["inpainting"](Weights("cpu", family, CPU), bench)) for _ in range(2))
    assert first == again


def test_models_share_their_components(family: Path) -> None:
    weights = Weights("cpu", family, CPU)
    base, inpainting = (weights.drawing(model) for model in ("kandinsky-3-demo", INPAINTING))
    assert base is not None
    assert inpainting is not None
    assert base.checkpoint.movq is inpainting.checkpoint.movq


def test_a_folder_without_the_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoCheckpoints, match="kandinsky-3-demo"):
        Weights("cpu", tmp_path, CPU)


@pytest.mark.usefixtures("few_objects")
def test_the_hole_covers_the_object_that_is_replaced() -> None:
    task = draw_task(64, 6)
    changed = (task.pictures != task.truth).any(axis=3)
    assert changed.any(axis=(1, 2)).all()
    assert not changed[task.masks == 0].any()


@pytest.mark.usefixtures("few_objects")
def test_worn_pictures_are_further_from_the_truth() -> None:
    truth = draw_truth(4)
    clean, worn = (enlarge_bicubic(reduce(truth, 4), 4) for reduce in (shrink, wear))
    assert psnr(worn, truth) < psnr(clean, truth)


@pytest.mark.usefixtures("few_objects")
def test_objects_are_loaded_once() -> None:
    assert load_objects() is load_objects()
