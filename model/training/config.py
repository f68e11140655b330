"""Sizes and lengths of a training run, for two CPU cores and for one GPU.

A configuration has a section for each part of the family; a part that was begun is resumed only with the
section that it was begun with.
"""

from dataclasses import dataclass, replace

from model.movq import MoVQConfig
from model.superres import SuperResConfig
from model.training.compositions import CompositionConfig, Frame
from model.training.superres.degradations import DegradationConfig
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
class DataConfig:
    """The compositions that all parts are trained on."""

    #: Side of the square pictures, in pixels.
    side: int
    #: Number of square pictures that are rendered.
    num_pictures: int
    #: Train on the common objects only, or on all of them.
    common_objects_only: bool
    compositions: CompositionConfig
    #: Square pictures that no part is trained on, and quality is measured on.
    num_held_out: int = 128
    seed: int = 0


@dataclass(frozen=True)
class AutoencoderTraining:
    """MoVQ with its codebook."""

    movq: MoVQConfig
    stage: StageConfig
    #: Share of each batch that is decoded from codes instead of latents.
    quantised_share: float = 0.5


@dataclass(frozen=True)
class DecoderTraining:
    """The decoder of MoVQ alone, against an adversary."""

    stage: StageConfig
    #: Pull of the adversary on the decoder, relative to that of the reconstruction.
    adversarial_weight: float = 0.1
    critic_learning_rate: float = 5e-4


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
class ResolutionStage:
    """One stage of the base: pictures of one size, or of several in turn."""

    name: str
    frames: tuple[Frame, ...]
    #: Pictures of each size that are rendered; a size that is named twice is drawn twice as often.
    num_pictures: int
    stage: StageConfig


@dataclass(frozen=True)
class BaseTraining:
    """Text encoder and U-Net, in stages of growing resolution."""

    unet: UNetConfig
    text_encoder: TextEncoderConfig
    stages: tuple[ResolutionStage, ...]
    #: Share of captions that are replaced by nothing, for guidance.
    text_dropout: float = 0.1


@dataclass(frozen=True)
class FlashTraining:
    """Adversarial distillation of the base to four steps."""

    stage: StageConfig
    critic_learning_rate: float
    #: Pull of the adversary, relative to that of the real latents.
    adversarial_weight: float = 0.03
    penalty_weight: float = 10.0
    #: Timesteps, from first to below last, to which latents are noised before they are judged.
    judged_timesteps: tuple[int, int] = (20, 600)
    #: Hidden width of the discriminator's heads.
    head_width: int = 64


@dataclass(frozen=True)
class InpaintingTraining:
    """The base, taught to fill holes."""

    stage: StageConfig
    text_dropout: float = 0.1
    #: Most shapes that a hole is made of.
    max_shapes: int = 3


@dataclass(frozen=True)
class SuperResTraining:
    """Super-resolution: x4, and x2 that starts from it."""

    network: SuperResConfig
    #: Compositions that cuts are taken from; not those of the other parts.
    data: DataConfig
    degradations: DegradationConfig
    x4_stage: StageConfig
    x2_stage: StageConfig
    #: Sides of cuts, in pixels. Batch sizes count cuts of the first; of larger ones a step has fewer.
    cut_sides: tuple[int, ...] = (64, 96, 128)
    #: Cuts that each is the busiest of: most of a composition is plain.
    num_tries: int = 2
    #: Timesteps are drawn as u^power of the schedule: below 1, noisy ones are the likelier.
    timestep_power: float = 0.5


@dataclass(frozen=True)
class SuperResFlashTraining:
    """Adversarial distillation of x2 to Flash's four steps."""

    stage: StageConfig
    critic_learning_rate: float = 1e-3
    #: Pull of the discriminator, relative to that of the reconstruction.
    adversarial_weight: float = 0.2
    penalty_weight: float = 1.0
    #: Timesteps, from first to below last, to which pictures are noised before they are judged.
    judged_timesteps: tuple[int, int] = (20, 400)
    #: Hidden width of the discriminator's heads.
    head_width: int = 32


@dataclass(frozen=True)
class TrainingConfig:
    """All that a demonstration family is made from."""

    name: str
    data: DataConfig
    autoencoder: AutoencoderTraining
    base: BaseTraining
    decoder: DecoderTraining
    flash: FlashTraining
    inpainting: InpaintingTraining
    superres: SuperResTraining
    superres_flash: SuperResFlashTraining


CPU = TrainingConfig(
    name="cpu",
    data=DataConfig(
        side=64,
        num_pictures=30_000,
        common_objects_only=True,
        compositions=CompositionConfig(
            offset=0.01, pair_share=0.08, russian_share=0.12, flat_share=0.08, noto_share=0.08
        ),
    ),
    autoencoder=AutoencoderTraining(
        movq=MoVQConfig(block_out_channels=(32, 32, 64, 128), layers_per_block=1, num_codes=1024),
        stage=StageConfig(num_steps=2_400, batch_size=16, learning_rate=2e-3),
    ),
    base=BaseTraining(
        unet=UNetConfig(
            init_channels=32,
            block_out_channels=(64, 96, 128, 128),
            num_blocks=(2, 2, 2, 2),
            time_embed_dim=128,
            context_dim=192,
            encoder_dim=192,
            groups=16,
            head_dim=32,
        ),
        text_encoder=TextEncoderConfig(
            vocab_size=1536, width=192, num_layers=2, num_heads=6, feed_forward=384
        ),
        stages=(
            ResolutionStage(
                "small", (Frame(64, 64),), 30_000, StageConfig(3_800, batch_size=48, learning_rate=1.2e-3)
            ),
            ResolutionStage(
                "mixed",
                (Frame(64, 64), Frame(128, 64), Frame(64, 128), Frame(128, 64)),
                10_000,
                StageConfig(1_600, batch_size=40, learning_rate=5e-4, warmup_steps=50),
            ),
        ),
    ),
    decoder=DecoderTraining(StageConfig(400, batch_size=16, learning_rate=1e-3, warmup_steps=20)),
    flash=FlashTraining(
        stage=StageConfig(
            550, batch_size=32, learning_rate=1e-4, warmup_steps=30, ema_decay=0.99, save_every=100
        ),
        critic_learning_rate=1e-3,
    ),
    inpainting=InpaintingTraining(
        stage=StageConfig(1_200, batch_size=40, learning_rate=6e-4, warmup_steps=30)
    ),
    superres=SuperResTraining(
        network=SuperResConfig(
            init_channels=16,
            block_out_channels=(24, 48, 64, 96),
            num_blocks=(2, 2, 3, 2),
            time_embed_dim=64,
            groups=4,
        ),
        data=DataConfig(
            side=256,
            num_pictures=2_000,
            common_objects_only=False,
            # Backgrounds of many colours: edges between colours as bright as each other are the hard ones.
            compositions=CompositionConfig(
                named_background_share=0.8,
                colour_jitter=80,
                size=(0.6, 0.95),
                pair_share=0.25,
                size_word_share=0.25,
                flat_share=0.2,
                noto_share=0.2,
            ),
        ),
        degradations=DegradationConfig(),
        x4_stage=StageConfig(4_000, batch_size=8, learning_rate=1e-3, warmup_steps=100, ema_decay=0.998),
        x2_stage=StageConfig(6_000, batch_size=8, learning_rate=1e-3, warmup_steps=50, ema_decay=0.998),
    ),
    superres_flash=SuperResFlashTraining(
        stage=StageConfig(
            300, batch_size=8, learning_rate=1e-4, warmup_steps=20, ema_decay=0.99, save_every=100
        )
    ),
)

GPU = TrainingConfig(
    name="gpu",
    data=DataConfig(
        side=128,
        num_pictures=60_000,
        common_objects_only=False,
        compositions=CompositionConfig(
            pair_share=0.2, tag_share=0.1, russian_share=0.15, flat_share=0.12, noto_share=0.12
        ),
    ),
    autoencoder=AutoencoderTraining(
        movq=MoVQConfig(block_out_channels=(32, 64, 96, 128), layers_per_block=1, num_codes=4096),
        stage=StageConfig(6_000, batch_size=64, learning_rate=2e-3),
    ),
    base=BaseTraining(
        unet=CPU.base.unet,
        text_encoder=TextEncoderConfig(
            vocab_size=2048, width=192, num_layers=2, num_heads=6, feed_forward=512
        ),
        stages=(
            ResolutionStage(
                "small",
                (Frame(64, 64),),
                60_000,
                StageConfig(10_000, batch_size=512, learning_rate=1.2e-3),
            ),
            ResolutionStage(
                "large",
                (Frame(128, 128),),
                60_000,
                StageConfig(12_000, batch_size=256, learning_rate=1e-3),
            ),
            ResolutionStage(
                "mixed",
                (Frame(128, 128), Frame(256, 128), Frame(128, 256), Frame(192, 192)),
                20_000,
                StageConfig(5_000, batch_size=128, learning_rate=4e-4),
            ),
        ),
    ),
    decoder=DecoderTraining(StageConfig(4_000, batch_size=64, learning_rate=1e-3)),
    flash=FlashTraining(
        stage=StageConfig(4_000, batch_size=128, learning_rate=1e-5),
        critic_learning_rate=1e-3,
    ),
    inpainting=InpaintingTraining(stage=StageConfig(5_000, batch_size=256, learning_rate=4e-4)),
    superres=replace(
        CPU.superres,
        network=replace(CPU.superres.network, num_blocks=(2, 3, 3, 2)),
        data=replace(CPU.superres.data, num_pictures=20_000),
        x4_stage=StageConfig(15_000, batch_size=128, learning_rate=1e-3, ema_decay=0.9995),
        x2_stage=StageConfig(12_000, batch_size=128, learning_rate=1e-3, ema_decay=0.9995),
    ),
    superres_flash=SuperResFlashTraining(stage=StageConfig(2_000, batch_size=64, learning_rate=1e-5)),
)

CONFIGS = {config.name: config for config in (CPU, GPU)}
