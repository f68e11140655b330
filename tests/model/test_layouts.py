"""At full size, our networks have the tensors of the published files, no more and no less."""

import gzip
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from model.layouts import PROJECTION, movq_name, movq_tensor, unet_name
from model.movq import MoVQ, MoVQConfig
from model.original import movq_config_of, superres_config_of, unet_config_of
from model.superres import SuperResConfig
from model.unet import UNet, UNetConfig
from model.weights import build

Shapes = dict[str, tuple[int, ...]]
FILE = Path(__file__).parent.parent / "golden" / "state_dict_layouts.json.gz"
PROJECTION_SHAPES: Shapes = {"0.weight": (4096, 4096), "1.weight": (4096,), "1.bias": (4096,)}


@pytest.fixture(scope="module")
def layouts() -> dict[str, Shapes]:
    """Names and shapes of the tensors of every published file."""
    with gzip.open(FILE) as file:
        content = json.load(file)
    return {name: {key: tuple(shape) for key, shape in shapes.items()} for name, shapes in content.items()}


def shapes_of(network: nn.Module) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("layout", "in_channels"), [("kandinsky3.pt[unet]", 4), ("kandinsky3_inpainting.pt[unet]", 9)]
)
def test_original_unet(layouts: dict[str, Shapes], layout: str, in_channels: int) -> None:
    published = {unet_name(name): shape for name, shape in layouts[layout].items()}
    published |= {PROJECTION[name]: shape for name, shape in PROJECTION_SHAPES.items()}
    assert len(published) == len(layouts[layout]) + len(PROJECTION_SHAPES)
    assert shapes_of(build(lambda: UNet(UNetConfig(in_channels=in_channels)))) == published


def test_diffusers_unet(layouts: dict[str, Shapes]) -> None:
    assert shapes_of(build(lambda: UNet(UNetConfig()))) == layouts["diffusers unet"]


def test_original_movq(layouts: dict[str, Shapes]) -> None:
    published = {}
    for name, shape in layouts["movq.pt"].items():
        renamed = movq_name(name)
        published[renamed] = tuple(movq_tensor(renamed, torch.empty(shape, device="meta")).shape)
    assert len(published) == len(layouts["movq.pt"])
    assert shapes_of(build(lambda: MoVQ(MoVQConfig()))) == published


def test_sizes_that_published_tensors_tell(layouts: dict[str, Shapes]) -> None:
    superres, unet, movq = (
        {key: torch.empty(shape, device="meta") for key, shape in layouts[name].items()}
        for name in ("KandiSuperRes", "kandinsky3_inpainting.pt[unet]", "movq.pt")
    )
    projection = {key: torch.empty(shape, device="meta") for key, shape in PROJECTION_SHAPES.items()}
    assert superres_config_of(superres) == SuperResConfig()
    assert unet_config_of(unet, projection) == UNetConfig(in_channels=9)
    assert movq_config_of(movq) == MoVQConfig()


def test_projection_of_the_fork() -> None:
    names = ["projection_lin.weight", "projection_ln.weight", "projection_ln.bias"]
    assert [unet_name(name) for name in names] == list(PROJECTION.values())


def test_published_numbers_of_parameters() -> None:
    unet, movq = build(lambda: UNet(UNetConfig())), build(lambda: MoVQ(MoVQConfig()))
    assert sum(weight.numel() for weight in unet.parameters()) == 3_055_348_228
    assert sum(weight.numel() for weight in movq.parameters()) == 270_603_567
