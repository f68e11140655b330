from pathlib import Path

import pytest
import torch

from model.checkpoint import Checkpoint, load_checkpoint
from model.components import Loaded
from model.family import find_checkpoints
from model.placement import family_costs, offload, parts
from model.profiles import PROFILES
from model.residency import Residency, device_of, num_bytes
from model.upscaler import load_upscaler
from model.weights import CheckpointError
from tests.checkpoints import UPSCALERS

CPU, META = torch.device("cpu"), torch.device("meta")
DRAWING = ("tiny", "tiny-flash", "tiny-inpainting")


def load(folder: Path, loaded: Loaded) -> list[Checkpoint]:
    return [load_checkpoint(folder / name, CPU, torch.float32, loaded) for name in DRAWING]


def test_networks_that_are_shared_count_once(tiny_family: Path) -> None:
    found = parts([*load(tiny_family, Loaded()), load_upscaler(tiny_family / "tiny-x4", CPU)])
    assert [(part.owner.name, part.role) for part in found] == [
        ("tiny", "text encoder"),
        ("tiny", "autoencoder"),
        ("tiny", "U-Net"),
        ("tiny-flash", "U-Net"),
        ("tiny-inpainting", "U-Net"),
        ("tiny-x4", "super-resolution"),
    ]


def test_costs_are_those_of_the_loaded_networks(tiny_family: Path) -> None:
    costs = family_costs(find_checkpoints(tiny_family), torch.float32)
    assert len(costs) == 5 + len(UPSCALERS)
    assert all(cost.activations > 0 for cost in costs)
    weights = {(cost.name, cost.role): cost.weights for cost in costs}
    for part in parts(load(tiny_family, Loaded())):
        assert weights[part.owner.name, part.role] == num_bytes(part.network)


def test_damaged_folder_has_no_costs(folder: Path) -> None:
    (folder / "unet" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        family_costs(find_checkpoints(folder), torch.float32)


def test_a_text_encoder_in_another_worker_need_not_be_there(folder: Path) -> None:
    (folder / "text_encoder" / "model.safetensors").unlink()
    costs = family_costs(find_checkpoints(folder), torch.float32, "none")
    assert [cost.role for cost in costs] == ["autoencoder", "U-Net"]


@pytest.mark.parametrize(
    ("profile", "place"),
    [("offload", META), ("offload-encoder-int8", META), ("offload-encoder-cpu", CPU)],
)
def test_networks_take_turns_but_the_encoder_on_the_cpu(
    tiny_family: Path, profile: str, place: torch.device
) -> None:
    chosen = PROFILES[profile]
    checkpoints = load(tiny_family, Loaded(chosen.encoder))
    offload(checkpoints, chosen, Residency(META, 10**9))
    assert checkpoints[0].device == META
    assert device_of(checkpoints[0].prompts.network) == place
    assert {device_of(checkpoint.unet) for checkpoint in checkpoints} == {META}


def test_network_that_is_too_large_for_the_budget(tiny_family: Path) -> None:
    with pytest.raises(ValueError, match="together more than the budget of 1000"):
        offload(load(tiny_family, Loaded()), PROFILES["offload"], Residency(META, 1000))


def test_text_encoder_in_another_worker(tiny_family: Path) -> None:
    checkpoint = load_checkpoint(tiny_family / "tiny", CPU, torch.float32, Loaded("none"))
    assert [part.role for part in parts([checkpoint])] == ["autoencoder", "U-Net"]
    with pytest.raises(CheckpointError, match="no text encoder is loaded here"):
        _ = checkpoint.prompts
