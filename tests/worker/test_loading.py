"""Which checkpoints a worker loads."""

import shutil
from pathlib import Path

import pytest
import torch

from model.weights import CheckpointError
from worker.loading import DeviceUnavailable, NothingToServe, choose_checkpoints, load_networks
from worker.models import DrawingModel
from worker.settings import WorkerSettings


def names(*folders: Path, **settings: str) -> list[str]:
    chosen = choose_checkpoints(WorkerSettings(checkpoints=folders, **settings))
    return [folder.name for folder in chosen]


def test_the_shipped_ones_by_default() -> None:
    assert "kandinsky-3-demo" in names()


def test_all_that_a_folder_holds(tiny_family: Path) -> None:
    drawing, enlarging = ["tiny", "tiny-flash", "tiny-inpainting"], ["tiny-flash-x2", "tiny-x2", "tiny-x4"]
    assert sorted(names(tiny_family)) == sorted(drawing + enlarging)
    assert names(tiny_family, queues="images") == drawing
    assert names(tiny_family, queues="superres") == enlarging


def test_only_what_is_wanted(tiny_family: Path) -> None:
    assert names(tiny_family, models="tiny-x4,tiny") == ["tiny-x4", "tiny"]
    assert names(tiny_family / "tiny", tiny_family / "tiny-x2") == ["tiny", "tiny-x2"]


def test_a_family_of_which_a_part_is_missing(tiny_family: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_family / "tiny-x2", tmp_path / "tiny-x2")
    (tmp_path / "being-written").mkdir()
    assert names(tmp_path) == ["tiny-x2"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"models": "large"}, "no checkpoint is called 'large'; there is tiny"),
        ({"models": "tiny", "queues": "superres"}, "none of .*/tiny works for queue superres"),
    ],
)
def test_nothing_to_serve(tiny_family: Path, settings: dict[str, str], says: str) -> None:
    with pytest.raises(NothingToServe, match=says):
        names(tiny_family, **settings)


def test_two_of_one_name(tiny_family: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_family / "tiny-x2", tmp_path / "tiny-x2")
    with pytest.raises(NothingToServe, match="would both be called tiny-x2"):
        names(tiny_family, tmp_path)
    assert names(tmp_path, tmp_path / "tiny-x2") == ["tiny-x2"]


def test_what_models_share_is_loaded_once(tiny_family: Path) -> None:
    networks = load_networks(WorkerSettings(checkpoints=(tiny_family,), queues="images", device="cpu"))
    models = [model for model in networks.models.values() if isinstance(model, DrawingModel)]
    assert len(models) == 3
    assert len({id(model.pipeline.checkpoint.components) for model in models}) == 1


def test_a_device_that_is_not_there_is_named(tiny_checkpoint: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="device cuda:99 cannot be used here: "):
        load_networks(WorkerSettings(checkpoints=(tiny_checkpoint,), device="cuda:99"))


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        load_networks(WorkerSettings(checkpoints=(tmp_path,), device="cpu"))


def test_small_networks_on_latents_take_one_thread(tiny_family: Path) -> None:
    threads = load_networks(WorkerSettings(checkpoints=(tiny_family,))).threads
    assert (threads["tiny"], threads["tiny-x4"]) == (1, torch.get_num_threads())


def test_threads_as_set(tiny_family: Path) -> None:
    threads = load_networks(WorkerSettings(checkpoints=(tiny_family,), num_threads=3)).threads
    assert set(threads.values()) == {3}
