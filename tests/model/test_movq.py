import pytest

from model.movq import MoVQConfig
from tests.checkpoints import TINY


@pytest.mark.parametrize("config", [MoVQConfig(), TINY.movq], ids=["published", "tiny"])
def test_configuration_survives_the_layout_of_diffusers(config: MoVQConfig) -> None:
    assert MoVQConfig.from_diffusers(config.to_diffusers()) == config


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="channels=40 is no multiple of groups=32"):
        MoVQConfig(block_out_channels=(32, 40), attention=(False, True))
    with pytest.raises(ValueError, match="attention needs one entry for each of the 2 levels"):
        MoVQConfig(block_out_channels=(32, 32))
    with pytest.raises(ValueError, match="layers_per_block must be made of whole numbers, not None"):
        MoVQConfig(layers_per_block=None)  # type: ignore[arg-type]
