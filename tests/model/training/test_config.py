import pytest

from model.training.config import CONFIGS, StageConfig, TrainingConfig


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"num_steps": 0}, "num_steps must be greater than 0, not 0"),
        ({"batch_size": -1}, "batch_size must be greater than 0, not -1"),
        ({"learning_rate": 0.0}, r"learning_rate must be greater than 0, not 0\.0"),
        ({"save_every": 0}, "save_every must be greater than 0, not 0"),
        ({"ema_decay": 1.0}, r"ema_decay must be from 0 to below 1, not 1\.0"),
    ],
)
def test_stage_out_of_range(fields: dict[str, float], says: str) -> None:
    valid = {"num_steps": 1, "batch_size": 1, "learning_rate": 1.0}
    with pytest.raises(ValueError, match=says):
        StageConfig(**(valid | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_parts_fit_together(config: TrainingConfig) -> None:
    unet, movq, text_encoder = config.base.unet, config.autoencoder.movq, config.base.text_encoder
    assert unet.encoder_dim == text_encoder.width
    assert unet.out_channels == movq.latent_channels
    assert text_encoder.width % text_encoder.num_heads == 0
    sides = {side for stage in config.base.stages for frame in stage.frames for side in vars(frame).values()}
    assert all(side % (unet.stride * movq.stride) == 0 for side in sides | {config.data.side})
