"""Which checkpoints a worker loads."""

import shutil
from pathlib import Path

import pytest
import torch

from model.int8 import Int8Linear
from model.profiles import DoesNotFit, Memory
from model.weights import CheckpointError
from tests.language_models import write_language_model
from tests.worker.conftest import MakeJob
from worker.engine.handle import SampleFailed
from worker.inputs import Inputs
from worker.jobs.stages import Kind
from worker.loading import DeviceUnavailable, Loader, NothingToServe, load_networks
from worker.models.drawing import DrawingModel
from worker.models.encoding import EncodingModel
from worker.settings import WorkerSettings


def names(*folders: Path, **settings: str) -> list[str]:
    loader = Loader(WorkerSettings(checkpoints=folders, **settings), torch.device("cpu"), torch.float32)
    return [found.name for found in loader.rendered]


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
        ({"models": "tiny", "queues": "superres"}, "there is nothing that works for queue superres"),
    ],
)
def test_nothing_to_serve(tiny_family: Path, settings: dict[str, str], says: str) -> None:
    with pytest.raises(NothingToServe, match=says):
        load_networks(WorkerSettings(checkpoints=(tiny_family,), **settings))


def test_two_of_one_name(tiny_family: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_family / "tiny-x2", tmp_path / "tiny-x2")
    with pytest.raises(NothingToServe, match="would both be called tiny-x2"):
        names(tiny_family, tmp_path)
    assert names(tmp_path, tmp_path / "tiny-x2") == ["tiny-x2"]


def test_a_language_model_called_like_a_checkpoint(tiny_family: Path, tmp_path: Path) -> None:
    writer = write_language_model(tmp_path / "tiny")
    settings = WorkerSettings(checkpoints=(tiny_family,), models="tiny", language_model=str(writer))
    with pytest.raises(NothingToServe, match="two models would be called tiny"):
        load_networks(settings)


def test_a_job_that_was_not_encoded_elsewhere_is_refused(tiny_family: Path, make_job: MakeJob) -> None:
    settings = WorkerSettings(checkpoints=(tiny_family,), models="tiny", memory="encoder-remote")
    with pytest.raises(SampleFailed, match="prompts for tiny are read by tiny-encoder here"):
        load_networks(settings).orders(make_job(), Inputs())


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


def test_a_text_encoder_works_for_others_when_it_is_told_to(tiny_family: Path) -> None:
    models = load_networks(WorkerSettings(checkpoints=(tiny_family,), queues="encoders")).models
    assert list(models) == ["tiny-encoder"]
    assert models["tiny-encoder"].card.kinds == (Kind.ENCODING,)


def test_without_its_text_encoder_a_model_names_the_one_that_reads(tiny_family: Path) -> None:
    settings = WorkerSettings(checkpoints=(tiny_family,), models="tiny,tiny-x4", memory="encoder-remote")
    networks = load_networks(settings)
    assert {card.id: card.encoder for card in networks.cards} == {"tiny": "tiny-encoder", "tiny-x4": None}


@pytest.mark.parametrize(
    ("memory", "error", "says"),
    [
        ("offload", DoesNotFit, "memory profile offload needs a device beside the CPU"),
        ("frugal", ValueError, "memory profile 'frugal' is none of resident, "),
    ],
)
def test_a_memory_profile_that_cannot_be(
    tiny_family: Path, memory: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        load_networks(WorkerSettings(checkpoints=(tiny_family,), device="cpu", memory=memory))


@pytest.mark.parametrize("queues", ["encoders", "prompts", "images"])
@pytest.mark.parametrize(
    ("memory", "error", "says"),
    [
        ("auto", DoesNotFit, r"no memory profile fits; .* on the device of 0\.0 GB"),
        ("resident", DoesNotFit, r"memory profile resident, which needs 1\.0 GB on the device of 0\.0 GB"),
        ("frugal", ValueError, "memory profile 'frugal' is none of resident, "),
    ],
)
def test_what_does_not_fit_is_refused_whatever_it_works_for(
    tiny_family: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    queues: str,
    memory: str,
    error: type[Exception],
    says: str,
) -> None:
    monkeypatch.setattr("worker.loading.free_memory", lambda device: Memory(1000))
    settings = {"queues": queues, "memory": memory, "device": "cpu"}
    writer = str(write_language_model(tmp_path / "writer"))
    with pytest.raises(error, match=says):
        load_networks(WorkerSettings(checkpoints=(tiny_family,), language_model=writer, **settings))


@pytest.mark.parametrize("queues", ["encoders", "images"])
@pytest.mark.parametrize("memory", ["encoder-int8", "offload-encoder-int8"])
def test_a_text_encoder_in_int8_wherever_it_works(
    tiny_family: Path, monkeypatch: pytest.MonkeyPatch, queues: str, memory: str
) -> None:
    monkeypatch.setattr("worker.loading.free_memory", lambda device: Memory(10**10, 10**10))
    settings = {"queues": queues, "memory": memory, "models": "tiny", "device": "cpu"}
    networks = load_networks(WorkerSettings(checkpoints=(tiny_family,), **settings))
    [model] = networks.models.values()
    encoder = model.encoder if isinstance(model, EncodingModel) else model.pipeline.checkpoint.prompts
    assert any(isinstance(layer, Int8Linear) for layer in encoder.network.modules())
    assert (networks.residency is not None) == memory.startswith("offload")


def test_a_text_encoder_in_another_worker_need_not_be_there(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    (folder / "text_encoder" / "model.safetensors").unlink()
    settings = WorkerSettings(checkpoints=(folder,), memory="encoder-remote", device="cpu")
    assert [card.encoder for card in load_networks(settings).cards] == ["copy-encoder"]


def test_a_language_model_beside_named_checkpoints_is_named_too(tiny_family: Path, tmp_path: Path) -> None:
    write_language_model(tmp_path / "writer")
    settings = {"checkpoints": (tiny_family,), "queues": "prompts", "device": "cpu"}
    networks = load_networks(WorkerSettings(language_model=str(tmp_path / "writer"), **settings))
    assert [(card.id, card.kinds) for card in networks.cards] == [("writer", (Kind.BEAUTIFICATION,))]
    with pytest.raises(NothingToServe, match="nothing that works for queue prompts"):
        load_networks(WorkerSettings(language_model="none", **settings))
