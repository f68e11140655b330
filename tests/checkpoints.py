"""Small checkpoints with random weights, for tests that need networks but not their skill."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from model.checkpoint import DEMO
from model.layers import ConditionalGroupNorm
from model.movq import MoVQ, MoVQConfig
from model.superres import SuperResConfig, SuperResUNet
from model.training.tokenizer import train_tokenizer
from model.unet import UNet, UNetConfig

#: What the tokenizer is trained on.
CAPTIONS = (
    "a red apple",
    "a photo of a small dog on a blue background",
    "two green bottles, with a cat between them",
    "рыжий кот на белом фоне",
    "a pizza with many things on it, large, in the style of an old postcard",
)


@dataclass(frozen=True)
class Sizes:
    """The sizes of a checkpoint that draws."""

    movq: MoVQConfig
    unet: UNetConfig
    vocab_size: int = 120
    #: Tokens of a prompt, at most.
    max_tokens: int = 48
    #: Side of its pictures, in pixels.
    side: int = 64


#: Small enough that a step takes milliseconds, with every kind of layer of the real networks.
TINY = Sizes(
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
)
#: A network that makes pictures larger, of few levels.
TINY_SUPERRES = SuperResConfig(
    init_channels=8, block_out_channels=(8, 8, 16), num_blocks=(1, 1, 1), time_embed_dim=16, groups=4
)
#: What the folders of `write_family` say of themselves; those that draw borrow from the first.
FLASH = {"default_side": 64, "components": "../tiny", "samplers": ["flash"]}
INPAINTING = {"default_side": 64, "components": "../tiny", "samplers": ["kandinsky"]}
UPSCALERS: dict[str, dict[str, object]] = {
    "tiny-x4": {"scale": 4, "sampler": "dpmsolver++"},
    "tiny-x2": {"scale": 2, "sampler": "dpmsolver++"},
    "tiny-flash-x2": {"scale": 2, "sampler": "flash"},
}


def write_family(folder: Path) -> Path:
    """Writes a checkpoint of every kind, each in a folder of its own, and returns the folder of all."""
    write_checkpoint(folder / "tiny")
    write_unet(folder / "tiny-flash", "Kandinsky3Pipeline", FLASH)
    write_unet(folder / "tiny-inpainting", "Kandinsky3InpaintingPipeline", INPAINTING, in_channels=9)
    for name, serving in UPSCALERS.items():
        write_upscaler(folder / name, serving)
    return folder


def write_checkpoint(folder: Path, sizes: Sizes = TINY) -> Path:
    """Writes a checkpoint in the diffusers layout, and returns its folder."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        movq, unet, text_encoder = _movq(sizes.movq), _unet(sizes.unet), _text_encoder(sizes)
    weights = movq.state_dict() | {"quantize.embedding.weight": torch.zeros(sizes.movq.num_codes, 4)}
    _write_component(folder / "unet", sizes.unet.to_diffusers(), unet.state_dict())
    _write_component(folder / "movq", sizes.movq.to_diffusers(), weights)
    encoder_config = text_encoder.config.to_dict() | {"architectures": ["T5EncoderModel"]}
    weights = text_encoder.state_dict()
    del weights["encoder.embed_tokens.weight"]  # tied to shared.weight
    _write_component(folder / "text_encoder", encoder_config, weights, "model")
    tokenizer = train_tokenizer(CAPTIONS, sizes.vocab_size, sizes.max_tokens)
    tokenizer.save_pretrained(folder / "tokenizer")
    shutil.copytree(DEMO / "scheduler", folder / "scheduler")
    shutil.copy(DEMO / "model_index.json", folder)
    _write_json(folder / "serving.json", {"default_side": sizes.side})
    return folder


def write_unet(folder: Path, class_name: str, serving: dict[str, object], in_channels: int = 4) -> Path:
    """Writes a checkpoint that has no networks of its own but a U-Net."""
    config = replace(TINY.unet, in_channels=in_channels)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        unet = _unet(config)
    _write_component(folder / "unet", config.to_diffusers(), unet.state_dict())
    _write_json(folder / "model_index.json", {"_class_name": class_name})
    _write_json(folder / "serving.json", serving)
    return folder


def write_upscaler(folder: Path, serving: dict[str, object], config: SuperResConfig = TINY_SUPERRES) -> Path:
    """Writes a checkpoint that makes pictures larger."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = SuperResUNet(config)
    _write_component(folder / "unet", config.to_json(), network.state_dict())
    _write_json(folder / "model_index.json", {"_class_name": "KandiSuperResPipeline"})
    _write_json(folder / "serving.json", serving)
    return folder


def _movq(config: MoVQConfig) -> MoVQ:
    """An autoencoder whose pictures have contrast."""
    movq = MoVQ(config)
    _scale(movq.decoder.conv_out, 3.0)
    return movq


def _unet(config: UNetConfig) -> UNet:
    """A U-Net whose conditions count, though training would start where they do nothing.

    The predicted noise is small, since a random network of full strength is chaotic: a rounding error would
    give another picture.
    """
    unet = UNet(config)
    for module in unet.modules():
        if isinstance(module, ConditionalGroupNorm):
            nn.init.normal_(module.linear.weight, std=0.3)
    _scale(unet.conv_out, 0.02)
    return unet


def _text_encoder(sizes: Sizes) -> T5EncoderModel:
    width = sizes.unet.encoder_dim
    config = T5Config(
        vocab_size=sizes.vocab_size,
        d_model=width,
        d_kv=width // 2,
        d_ff=2 * width,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.0,
        feed_forward_proj="gated-silu",
        is_encoder_decoder=False,
        use_cache=False,
    )
    return T5EncoderModel(config)


@torch.no_grad()
def _scale(layer: nn.Conv2d, factor: float) -> None:
    layer.weight.mul_(factor)


def _write_component(
    folder: Path,
    config: dict[str, object],
    weights: dict[str, Tensor],
    stem: str = "diffusion_pytorch_model",
) -> None:
    _write_json(folder / "config.json", config)
    halves = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    save_file(halves, folder / f"{stem}.safetensors", metadata={"format": "pt"})


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
