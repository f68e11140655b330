from dataclasses import replace

import pytest
import torch

from model.unet import TextFeatures, UNet, UNetConfig
from tests.checkpoints import TINY


@pytest.mark.parametrize("config", [UNetConfig(), TINY.unet], ids=["published", "tiny"])
def test_configuration_survives_the_layout_of_diffusers(config: UNetConfig) -> None:
    assert UNetConfig.from_diffusers(config.to_diffusers()) == config


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"num_blocks": (2, 2)}, "need one entry for each of the 4 levels"),
        ({"num_blocks": (2, 2, 2, 1)}, "a level needs at least 2 blocks"),
        ({"groups": 5}, "channels=16 is no multiple of groups=5"),
        ({"head_dim": 48}, "time_embed_dim=64 is no multiple of head_dim=48"),
        ({"head_dim": 64}, "channels=32 is no multiple of head_dim=64"),
        ({"time_embed_dim": 64.0}, r"time_embed_dim must be made of whole numbers, not 64\.0"),
    ],
)
def test_sizes_that_do_not_fit(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(TINY.unet, **fields)  # type: ignore[arg-type]


def test_features_of_several_lengths_are_padded_and_masked() -> None:
    rows = [TextFeatures(torch.ones(1, 6), torch.ones(1, length, 8), (length,)) for length in (2, 4)]
    joined = TextFeatures.collate(rows)
    mask = joined.mask()
    assert mask is not None
    assert mask[:, 0, 0].tolist() == [[True, True, False, False], [True] * 4]
    assert torch.equal(joined.keys_values[:, :, 0], mask[:, 0, 0].float())


def test_features_of_one_length_need_no_mask() -> None:
    row = TextFeatures(torch.ones(1, 6), torch.ones(1, 3, 8), (3,))
    assert TextFeatures.collate([row, row]).mask() is None


def test_new_network_ignores_time_and_text_in_its_norms() -> None:
    """As published: training starts with conditional norms that are plain ones."""
    network = UNet(TINY.unet)
    linear = [weight for name, weight in network.named_parameters() if "context_mlp" in name]
    assert linear
    assert not any(weight.any() for weight in linear)
