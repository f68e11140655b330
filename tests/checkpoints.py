"""Small checkpoints with random weights, for tests that need networks but not their skill."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from model.layers import ConditionalGroupNorm
from model.movq import MoVQ, MoVQConfig
from model.training import autoencoder, diffusion
from model.training.compositions import CompositionConfig
from model.training.config import StageConfig, TextEncoderConfig, TrainingConfig
from model.training.diffusion import Denoiser
from model.training.export import export
from model.training.run import Run
from model.training.tokenizer import train_tokenizer
from model.unet import UNetConfig

#: What the tokenizer is trained on.
CAPTIONS = (
    "a red apple",
    "a photo of a small dog on a blue background",
    "two green bottles, with a cat between them",
    "рыжий кот на белом фоне",
    "a pizza with many things on it, large, in the style of an old postcard",
)
STAGE = StageConfig(num_steps=2, batch_size=4, learning_rate=1e-3, warmup_steps=1, save_every=1)
#: Small enough that a step takes milliseconds, with every kind of layer of the real networks.
TINY = TrainingConfig(
    name="tiny",
    side=64,
    common_objects_only=True,
    compositions=CompositionConfig(),
    bank_size=8,
    # diffusers has 32 groups in its spatial norms, whatever the configuration says.
    movq=MoVQConfig(block_out_channels=(32, 32, 32, 64), layers_per_block=1, num_codes=16),
    unet=UNetConfig(
        init_channels=16,
        block_out_channels=(32, 32, 48, 64),
        num_blocks=(2, 2, 2, 2),
        time_embed_dim=64,
        context_dim=48,
        encoder_dim=32,
        groups=8,
        head_dim=16,
    ),
    text_encoder=TextEncoderConfig(vocab_size=120, width=32, num_layers=2, num_heads=2, feed_forward=64),
    autoencoder_stage=STAGE,
    diffusion_stage=STAGE,
    decoder_stage=STAGE,
)


def write_checkpoint(folder: Path, config: TrainingConfig = TINY) -> Path:
    """Writes a checkpoint with random weights in the diffusers layout, and returns its folder."""
    with TemporaryDirectory() as state, torch.random.fork_rng():
        torch.manual_seed(1)
        run = Run(Path(state), config)
        run.save(autoencoder.AUTOENCODER, {"average": _movq(config).state_dict(), "step": 0})
        run.save(diffusion.STAGE, {"average": _denoiser(config).state_dict(), "step": 0})
        run.save("examples", {"latents": torch.randn(8, 4, 8, 8)})
        sizes = config.text_encoder
        train_tokenizer(CAPTIONS, sizes.vocab_size, sizes.max_tokens).save_pretrained(
            run.folder / "tokenizer"
        )
        export(run, folder)
    return folder


def _movq(config: TrainingConfig) -> MoVQ:
    """An autoencoder whose pictures have contrast."""
    movq = MoVQ(config.movq)
    _scale(movq.decoder.conv_out, 3.0)
    return movq


def _denoiser(config: TrainingConfig) -> Denoiser:
    """Text encoder and U-Net whose conditions count, though training would start where they do nothing.

    The predicted noise is small, since a random network of full strength is chaotic: a rounding error would
    give another picture.
    """
    denoiser = Denoiser(config)
    for module in denoiser.modules():
        if isinstance(module, ConditionalGroupNorm):
            nn.init.normal_(module.linear.weight, std=0.3)
    _scale(denoiser.unet.conv_out, 0.02)
    return denoiser


@torch.no_grad()
def _scale(layer: nn.Conv2d, factor: float) -> None:
    layer.weight.mul_(factor)
