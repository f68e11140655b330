"""A small checkpoint in the original layout, made from one in the layout of diffusers."""

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import load_file
from torch import Tensor

from model.layouts import PROJECTION, movq_name, unet_name
from model.movq import MoVQConfig
from model.original import ENCODER
from model.superres import SuperResConfig, SuperResUNet
from model.unet import UNetConfig
from tests.checkpoints import CAPTIONS, TINY

LAYOUTS = Path(__file__).parent.parent / "golden" / "state_dict_layouts.json.gz"
#: As small as the sizes that the original layout does not tell allow.
CONFIG = replace(
    TINY,
    movq=MoVQConfig(block_out_channels=(32, 32, 32, 64), num_codes=16),
    unet=UNetConfig(
        init_channels=32,
        block_out_channels=(64, 64, 128, 128),
        time_embed_dim=64,
        context_dim=48,
        encoder_dim=32,
    ),
)
#: The same of a network that makes pictures larger.
SUPERRES = SuperResConfig(
    init_channels=32, block_out_channels=(32, 32, 64, 64), num_blocks=(1, 2, 1, 1), time_embed_dim=16
)
NUM_SHARDS = 4

Content = dict[str, Any]


def write_original(diffusers: Path, folder: Path) -> Path:
    """Writes the weights of a checkpoint of `CONFIG` as original files, with a tokenizer of its own."""
    with gzip.open(LAYOUTS) as file:
        layouts = json.load(file)
    unet = _component(diffusers / "unet")
    projection = {name: unet.pop(renamed) for name, renamed in PROJECTION.items()}
    originals = {unet_name(name): name for name in layouts["kandinsky3.pt[unet]"]}
    weights = {originals[name]: tensor for name, tensor in unet.items()}
    null_embedding = torch.randn(1, CONFIG.unet.context_dim, generator=torch.Generator().manual_seed(0))
    folder.mkdir()
    torch.save({"unet": weights, "null_embedding": null_embedding}, folder / "kandinsky3.pt")
    torch.save(_movq(diffusers / "movq", layouts["movq.pt"]), folder / "movq.pt")
    _write_text_encoder(diffusers / "text_encoder", folder / ENCODER)
    torch.save(projection, folder / ENCODER / "projection.pt")
    return folder


def _component(folder: Path, stem: str = "diffusion_pytorch_model") -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in load_file(folder / f"{stem}.safetensors").items()}


def _movq(folder: Path, layout: dict[str, list[int]]) -> dict[str, Tensor]:
    weights = _component(folder)
    originals = {movq_name(name): (name, len(shape)) for name, shape in layout.items()}
    return {
        originals[name][0]: tensor[:, :, None, None] if originals[name][1] > tensor.dim() else tensor
        for name, tensor in weights.items()
        if not name.startswith("quantize.")
    }


def _write_text_encoder(source: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text((source / "config.json").read_text())
    weights = _component(source, "model")
    weights["encoder.embed_tokens.weight"] = weights["shared.weight"]
    names = sorted(weights)
    shards = {
        f"pytorch_model-{i + 1:05}-of-{NUM_SHARDS:05}.bin": names[i::NUM_SHARDS] for i in range(NUM_SHARDS)
    }  # the embedding's two names fall into different shards
    for file, part in shards.items():
        torch.save({name: weights[name] for name in part}, folder / file)
    index = {"weight_map": {name: file for file, part in shards.items() for name in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    _write_tokenizer(folder)


def _write_tokenizer(folder: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CAPTIONS),
        model_prefix=str(folder / "spiece"),
        vocab_size=60,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    (folder / "spiece.vocab").unlink()
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "model_max_length": 512}
    tokens = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | tokens))
    (folder / "special_tokens_map.json").write_text(json.dumps(tokens))
    (folder / "added_tokens.json").write_text(json.dumps({"[new_id_0]": 60}))


def write_kandinsky_3_1(base: Path, folder: Path) -> Path:
    """Writes a checkpoint of `write_original`, a Flash and an inpainting model as they were published."""
    weights = folder / "weights"
    shutil.copytree(base, weights)
    encoder = weights / ENCODER
    for model, change in (("_flash", _flash_unet), ("_inpainting", _inpainting_unet)):
        torch.save(change(torch.load(base / "kandinsky3.pt")), weights / f"kandinsky3{model}.pt")
        shutil.copy(encoder / "projection.pt", encoder / f"projection{model}.pt")
    return folder


def write_kandisuperres(folder: Path) -> Path:
    """Writes the three files of KandiSuperRes: fp16 and bare, fp32 under "unet", and the same again."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        weights = SuperResUNet(SUPERRES).state_dict()
    folder.mkdir()
    torch.save({name: tensor.half() for name, tensor in weights.items()}, folder / "KandiSuperRes.ckpt")
    torch.save({"unet": weights}, folder / "KandiSuperRes_x2.ckpt")
    torch.save({"unet": weights}, folder / "KandiSuperRes_flash_x2.pt")
    return folder


def _flash_unet(content: Content) -> Content:
    content["unet"]["out_layer.2.bias"] += 0.01
    return content


def _inpainting_unet(content: Content) -> Content:
    weight = content["unet"]["in_layer.weight"]
    content["unet"]["in_layer.weight"] = torch.cat([weight, torch.zeros_like(weight[:, :1]), weight], dim=1)
    return content
