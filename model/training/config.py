"""Sizes and lengths of a training run, for two CPU cores and for one GPU."""

from dataclasses import dataclass

from model.movq import MoVQConfig
from model.training.compositions import CompositionConfig
from model.unet import UNetConfig


@dataclass(frozen=True)
class StageConfig:
    """One stage of training: how long, how fast."""

    num_steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int = 200
    ema_decay: float = 0.999
    #: Steps between two writes of the training state.
    save_every: int = 250

    def __post_init__(self) -> None:
        for name in ("num_steps", "batch_size", "learning_rate", "save_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than 0, not {getattr(self, name)}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be from 0 to below 1, not {self.ema_decay}")


@dataclass(frozen=True)
class TextEncoderConfig:
    """Sizes of the T5 encoder and of its tokenizer."""

    vocab_size: int
    width: int
    num_layers: int
    num_heads: int
    feed_forward: int
    max_tokens: int = 48


@dataclass(frozen=True)
class TrainingConfig:
    """All that a demonstration checkpoint is made from; one value, one checkpoint."""

    name: str
    #: Side of the square pictures, in pixels.
    side: int
    #: Train on the common objects only, or on all of them.
    common_objects_only: bool
    compositions: CompositionConfig
    #: Number of rendered compositions that training draws from.
    bank_size: int
    movq: MoVQConfig
    unet: UNetConfig
    text_encoder: TextEncoderConfig
    autoencoder_stage: StageConfig
    diffusion_stage: StageConfig
    decoder_stage: StageConfig
    #: Share of captions that are replaced by nothing, for guidance.
    text_dropout: float = 0.1
    seed: int = 0


CPU = TrainingConfig(
    name="cpu",
    side=64,
    common_objects_only=True,
    compositions=CompositionConfig(offset=0.01),
    bank_size=40_000,
    movq=MoVQConfig(block_out_channels=(32, 32, 64, 128), layers_per_block=1, num_codes=1024),
    unet=UNetConfig(
        init_channels=48,
        block_out_channels=(96, 128, 128, 128),
        num_blocks=(2, 2, 2, 2),
        time_embed_dim=160,
        context_dim=192,
        encoder_dim=192,
        groups=16,
        head_dim=32,
    ),
    text_encoder=TextEncoderConfig(vocab_size=1024, width=192, num_layers=2, num_heads=6, feed_forward=384),
    autoencoder_stage=StageConfig(num_steps=1_200, batch_size=16, learning_rate=2e-3),
    diffusion_stage=StageConfig(num_steps=3_200, batch_size=48, learning_rate=1e-3),
    decoder_stage=StageConfig(num_steps=1_200, batch_size=16, learning_rate=1e-3),
)

GPU = TrainingConfig(
    name="gpu",
    side=128,
    common_objects_only=False,
    compositions=CompositionConfig(pair_share=0.2, tag_share=0.1, russian_share=0.15),
    bank_size=60_000,
    movq=MoVQConfig(block_out_channels=(32, 64, 128, 128), layers_per_block=1, num_codes=4096),
    unet=UNetConfig(
        init_channels=48,
        block_out_channels=(96, 128, 128, 128),
        num_blocks=(2, 2, 2, 2),
        time_embed_dim=128,
        context_dim=192,
        encoder_dim=192,
        groups=16,
        head_dim=32,
    ),
    text_encoder=TextEncoderConfig(vocab_size=2048, width=192, num_layers=2, num_heads=6, feed_forward=512),
    autoencoder_stage=StageConfig(num_steps=20_000, batch_size=64, learning_rate=1e-3),
    diffusion_stage=StageConfig(num_steps=60_000, batch_size=512, learning_rate=1e-3, ema_decay=0.9995),
    decoder_stage=StageConfig(num_steps=20_000, batch_size=64, learning_rate=5e-4),
)

CONFIGS = {config.name: config for config in (CPU, GPU)}
