"""A configuration that trains in seconds, with everything that the real ones have."""

from dataclasses import replace

from model.training.compositions import CompositionConfig, Frame
from model.training.config import CPU as SMALL
from model.training.config import (
    AutoencoderTraining,
    BaseTraining,
    DataConfig,
    DecoderTraining,
    FlashTraining,
    InpaintingTraining,
    ResolutionStage,
    StageConfig,
    TextEncoderConfig,
    TrainingConfig,
)
from tests.checkpoints import TINY as SIZES

STEPS = StageConfig(num_steps=2, batch_size=2, learning_rate=1e-3, warmup_steps=1, save_every=1)

TINY = TrainingConfig(
    name="tiny",
    data=DataConfig(
        side=64,
        num_pictures=8,
        common_objects_only=True,
        num_held_out=8,
        compositions=CompositionConfig(pair_share=0.2, russian_share=0.2, flat_share=0.2, noto_share=0.2),
    ),
    autoencoder=AutoencoderTraining(SIZES.movq, STEPS),
    base=BaseTraining(
        unet=SIZES.unet,
        text_encoder=TextEncoderConfig(
            vocab_size=120, width=32, num_layers=1, num_heads=2, feed_forward=64, max_tokens=24
        ),
        stages=(
            ResolutionStage("small", (Frame(64, 64),), 8, STEPS),
            ResolutionStage("mixed", (Frame(64, 64), Frame(128, 64)), 8, STEPS),
        ),
    ),
    decoder=DecoderTraining(STEPS),
    flash=FlashTraining(STEPS, critic_learning_rate=1e-3, head_width=32),
    inpainting=InpaintingTraining(STEPS),
    superres=SMALL.superres,
    superres_flash=SMALL.superres_flash,
)


def shorten(config: TrainingConfig) -> TrainingConfig:
    """The same networks, trained for a step on a handful of pictures."""
    step = StageConfig(num_steps=1, batch_size=2, learning_rate=1e-3)
    stages = tuple(replace(stage, num_pictures=4, stage=step) for stage in config.base.stages)
    return replace(
        config,
        data=replace(config.data, num_pictures=4, num_held_out=2, common_objects_only=True),
        autoencoder=replace(config.autoencoder, stage=step),
        decoder=replace(config.decoder, stage=step),
        base=replace(config.base, stages=stages),
        flash=replace(config.flash, stage=step),
        inpainting=replace(config.inpainting, stage=step),
    )
