import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.superres import SuperResConfig, SuperResUNet
from model.weights import build

LAYOUTS = Path(__file__).parent.parent / "golden" / "state_dict_layouts.json.gz"
TINY = SuperResConfig(
    init_channels=8, block_out_channels=(8, 16, 24, 32), num_blocks=(1, 2, 1, 3), time_embed_dim=16, groups=4
)


def test_tensors_are_those_of_the_published_file() -> None:
    with gzip.open(LAYOUTS) as file:
        published = json.load(file)["KandiSuperRes"]
    network = build(lambda: SuperResUNet(SuperResConfig()))
    assert {name: list(tensor.shape) for name, tensor in network.state_dict().items()} == published


def test_parameters_are_as_many_as_published() -> None:
    network = build(lambda: SuperResUNet(SuperResConfig()))
    assert sum(tensor.numel() for tensor in network.parameters()) == 413_205_251


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 40)])
def test_the_picture_keeps_its_size(height: int, width: int) -> None:
    network = SuperResUNet(TINY)
    noisy, lowres = torch.randn(2, 3, height, width), torch.randn(2, 3, 5, 7)
    assert network(noisy, torch.tensor([999.0, 1.0]), lowres).shape == noisy.shape


@torch.inference_mode()
def test_rows_of_a_batch_do_not_mix() -> None:
    network = SuperResUNet(TINY)
    noisy, lowres = torch.randn(2, 3, 16, 16), torch.randn(2, 3, 4, 4)
    timesteps = torch.tensor([999.0, 1.0])
    batched = network(noisy, timesteps, lowres)
    alone = torch.cat([network(noisy[i : i + 1], timesteps[i : i + 1], lowres[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(batched, alone)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_blocks": (1, 2, 1)}, "num_blocks"),
        ({"num_blocks": (1, 2, 0, 1)}, "num_blocks"),
        ({"groups": 5}, "groups=5"),
        ({"time_embed_dim": "wide"}, "time_embed_dim"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **fields)  # type: ignore[arg-type]


def test_a_network_without_the_small_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="lowres_cond"):
        SuperResConfig.from_original({"lowres_cond": False})
