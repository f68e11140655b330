"""Folders of checkpoints that share networks, and what is wrong with some of them."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from model.checkpoint import load_checkpoint
from model.components import Loaded
from model.family import Found, find_checkpoints, load_pipeline
from model.pipeline import Pipeline
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline
from model.weights import CheckpointError
from tests.model import originals
from tests.model.conftest import CPU
from tests.model.damage import assert_refused, drop, edit, truncate

DRAWING = ("tiny", "tiny-flash", "tiny-inpainting")
#: Published models that draw, with their samplers and whether they inpaint, and those that enlarge.
PUBLISHED = {
    "kandinsky-3": (("kandinsky", "ddpm"), False),
    "kandinsky-3-flash": (("flash",), False),
    "kandinsky-3-inpainting": (("kandinsky",), True),
}
SUPERRES = {
    "kandisuperres-x4": (4, "dpmsolver++"),
    "kandisuperres-x2": (2, "dpmsolver++"),
    "kandisuperres-flash-x2": (2, "flash"),
}


@pytest.fixture
def family(tiny_family: Path, tmp_path: Path) -> Path:
    """A copy of the family, to be changed."""
    return shutil.copytree(tiny_family, tmp_path / "family")


def test_checkpoints_of_a_folder(tiny_family: Path) -> None:
    found = find_checkpoints(tiny_family)
    assert [each.name for each in found if each.enlarges] == ["tiny-flash-x2", "tiny-x2", "tiny-x4"]
    assert [each.name for each in found if not each.enlarges] == list(DRAWING)
    assert find_checkpoints(tiny_family / "tiny") == [Found("tiny", tiny_family / "tiny")]


def test_models_of_published_folders(published_folder: Path) -> None:
    found = {each.name: each for each in find_checkpoints(published_folder)}
    assert [name for name, each in found.items() if not each.enlarges] == list(PUBLISHED)
    assert [name for name, each in found.items() if each.enlarges] == list(SUPERRES)
    weights = published_folder / "Kandinsky3.1" / "weights"
    assert found["kandinsky-3-flash"] == Found("kandinsky-3-flash", weights / "kandinsky3_flash.pt")
    assert [each.name for each in find_checkpoints(published_folder / "Kandinsky3.1")] == list(PUBLISHED)
    assert find_checkpoints(weights / "kandinsky3_flash.pt") == [found["kandinsky-3-flash"]]


def test_published_models_share_what_they_can(published_folder: Path) -> None:
    loaded = Loaded()
    pipelines = [load_pipeline(f, CPU, torch.float32, loaded) for f in find_checkpoints(published_folder)]
    drawing = {p.checkpoint.name: p.checkpoint for p in pipelines if isinstance(p, Pipeline)}
    assert {name: (each.samplers, each.inpaints) for name, each in drawing.items()} == PUBLISHED
    assert len({id(each.components) for each in drawing.values()}) == 1
    enlarging = {p.checkpoint.name: p.checkpoint for p in pipelines if isinstance(p, UpscalePipeline)}
    assert {name: (each.scale, each.sampler) for name, each in enlarging.items()} == SUPERRES


@pytest.mark.parametrize("name", ["KandiSuperRes.ckpt", "KandiSuperRes_x2.ckpt"])
def test_sizes_that_the_tensors_of_a_superres_network_tell(published_folder: Path, name: str) -> None:
    network = load_upscaler(published_folder / "KandiSuperRes" / name, CPU).network
    assert network.config == originals.SUPERRES
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"unet": 5}, "'unet' is a int, not a dictionary of tensors"),
        ({"unet": {}}, "'out_conv.weight' is missing"),
        ({"init_conv.weight": torch.zeros(3)}, "'out_conv.weight' is missing"),
        ([], "holds a list"),
    ],
)
def test_superres_file_of_something_else(tmp_path: Path, content: object, says: str) -> None:
    torch.save(content, tmp_path / "KandiSuperRes_x2.ckpt")
    assert_upscaler_refused(tmp_path, str(tmp_path / "KandiSuperRes_x2.ckpt"), says)


@pytest.mark.parametrize(("name", "says"), [("absent", "is not a folder"), ("", "is no checkpoint")])
def test_no_checkpoint(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        find_checkpoints(tmp_path / name)


def test_every_checkpoint_has_its_pipeline(tiny_family: Path) -> None:
    kinds = [type(load_pipeline(f, CPU, torch.float32)) for f in find_checkpoints(tiny_family)]
    assert (kinds.count(Pipeline), kinds.count(UpscalePipeline)) == (3, 3)


def test_components_are_loaded_once(tiny_family: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded()
    # By whatever path, as from whatever folder.
    monkeypatch.chdir(tiny_family)
    checkpoints = [load_checkpoint(Path(name), CPU, torch.float32, loaded) for name in DRAWING]
    assert list(loaded.components) == [(tiny_family / "tiny").resolve()]
    assert len({id(checkpoint.movq) for checkpoint in checkpoints}) == 1
    assert len({id(checkpoint.prompts.network) for checkpoint in checkpoints}) == 1
    assert len({id(checkpoint.unet) for checkpoint in checkpoints}) == 3


def test_what_each_says_of_itself(tiny_family: Path) -> None:
    base, flash, inpainting = (load_checkpoint(tiny_family / name, CPU) for name in DRAWING)
    assert [base.samplers, flash.samplers, inpainting.samplers] == [
        ("ddpm", "kandinsky"),
        ("flash",),
        ("kandinsky",),
    ]
    assert [base.inpaints, flash.inpaints, inpainting.inpaints] == [False, False, True]
    assert [base.percentile, inpainting.percentile] == [0.99, 0.95]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"components": "../absent"}, "components is '../absent', which is no folder beside it"),
        ({"components": 5}, "components is 5"),
        ({"components": "."}, "movq"),
        ({"samplers": []}, "samplers is []"),
        ({"samplers": "flash"}, "samplers is 'flash'"),
        ({"samplers": ["euler"]}, "sampler 'euler' is none of ddpm, kandinsky, flash"),
        ({"default_side": 100}, "default_side 100 is no multiple of 64"),
    ],
)
def test_serving_of_a_checkpoint_that_draws(family: Path, fields: dict[str, object], says: str) -> None:
    edit(family / "tiny-flash" / "serving.json", **fields)
    assert_refused(family / "tiny-flash", str(family / "tiny-flash"), says)


def test_components_that_are_damaged(family: Path) -> None:
    truncate(family / "tiny" / "movq" / "diffusion_pytorch_model.safetensors", 0.5)
    assert_refused(family / "tiny-flash", "tiny-flash/../tiny/movq", "damaged or truncated")


def test_inpainting_of_a_network_that_draws(family: Path) -> None:
    edit(family / "tiny-flash" / "model_index.json", _class_name="Kandinsky3InpaintingPipeline")
    assert_refused(family / "tiny-flash", "4 channels in and 4 out, not 9 and 4")


def test_an_upscaler_does_not_draw(tiny_family: Path) -> None:
    assert_refused(tiny_family / "tiny-x4", "_class_name is 'KandiSuperResPipeline'")


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("serving.json", {"scale": 3}, "scale is 3, not 2 or 4"),
        ("serving.json", {"scale": None}, "scale is None"),
        ("serving.json", {"sampler": "ddpm"}, "sampler 'ddpm' is none of dpmsolver++, flash"),
        ("model_index.json", {"_class_name": "Kandinsky3Pipeline"}, "_class_name is 'Kandinsky3Pipeline'"),
        ("unet/config.json", {"_class_name": "UNet"}, "_class_name is 'UNet'"),
        ("unet/config.json", {"channels": 1}, "channels=3"),
        ("unet/config.json", {"groups": 3}, "groups=3"),
        ("unet/config.json", {"num_blocks": [1]}, "num_blocks=(1,)"),
        ("unet/config.json", {"block_out_channels": 8}, ""),
        (
            "unet/config.json",
            {"block_out_channels": [8] * 5, "num_blocks": [1] * 5},
            "at most 4 levels",
        ),
    ],
)
def test_upscaler(family: Path, name: str, fields: dict[str, object], says: str) -> None:
    edit(family / "tiny-x4" / name, **fields)
    assert_upscaler_refused(family / "tiny-x4", str(family / "tiny-x4" / name), says)


@pytest.mark.parametrize("name", ["serving.json", "model_index.json", "unet/config.json"])
def test_upscaler_without_a_file(family: Path, name: str) -> None:
    (family / "tiny-x4" / name).unlink()
    assert_upscaler_refused(family / "tiny-x4", f"{name} is missing")


def test_upscaler_without_a_tensor(family: Path) -> None:
    drop(family / "tiny-x4" / "unet" / "diffusion_pytorch_model.safetensors", "out_conv.bias")
    assert_upscaler_refused(family / "tiny-x4", "tensor 'out_conv.bias' is missing")


def test_upscaler_that_is_none(tmp_path: Path) -> None:
    assert_upscaler_refused(tmp_path / "absent", "is not a folder")


def test_configuration_of_a_superres_network(tiny_family: Path) -> None:
    network = load_upscaler(tiny_family / "tiny-x4", CPU).network
    written = json.loads((tiny_family / "tiny-x4" / "unet" / "config.json").read_text())
    assert json.loads(json.dumps(network.config.to_json())) == written


def assert_upscaler_refused(folder: Path, *parts: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_upscaler(folder, CPU)
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []
