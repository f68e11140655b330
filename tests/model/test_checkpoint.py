import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from model.checkpoint import load_checkpoint
from model.pipeline import Pipeline
from model.text_encoder import EOS, MAX_TOKENS
from tests.model.conftest import CPU, MakeRequest

STEMS = {
    "unet": "diffusion_pytorch_model",
    "movq": "diffusion_pytorch_model",
    "text_encoder": "model",
}


def single_fp16(folder: Path, stem: str) -> None:
    (folder / f"{stem}.safetensors").rename(folder / f"{stem}.fp16.safetensors")


def shards(folder: Path, stem: str, variant: str = "") -> None:
    weights = load_file(folder / f"{stem}.safetensors")
    (folder / f"{stem}.safetensors").unlink()
    places = {name: f"{stem}{variant}-0000{i % 3 + 1}-of-00003.safetensors" for i, name in enumerate(weights)}
    for file in set(places.values()):
        save_file({name: weights[name] for name in weights if places[name] == file}, folder / file)
    index = folder / f"{stem}.safetensors.index{variant}.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))


def fp16_shards(folder: Path, stem: str) -> None:
    shards(folder, stem, ".fp16")


def pickled(folder: Path, stem: str) -> None:
    if stem == "model":  # which transformers calls otherwise when pickled
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()


def assert_same_weights(found: nn.Module, expected: nn.Module) -> None:
    first, second = found.state_dict(), expected.state_dict()
    assert list(first) == list(second)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize("rewrite", [single_fp16, shards, fp16_shards, pickled])
def test_every_form_of_files_holds_the_same_weights(
    folder: Path, pipeline: Pipeline, rewrite: Callable[[Path, str], None]
) -> None:
    for component, stem in STEMS.items():
        rewrite(folder / component, stem)
    found, expected = load_checkpoint(folder, CPU), pipeline.checkpoint
    assert_same_weights(found.unet, expected.unet)
    assert_same_weights(found.movq, expected.movq)
    assert_same_weights(found.prompts.network, expected.prompts.network)


def test_full_precision_is_preferred_to_fp16(folder: Path) -> None:
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    zeros = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    save_file(zeros, folder / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    assert load_checkpoint(folder, CPU).unet.conv_in.weight.any()


def test_every_weight_has_the_wanted_dtype(tiny_checkpoint: Path, make_request: MakeRequest) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint, CPU, torch.bfloat16)
    networks = (checkpoint.unet, checkpoint.movq, checkpoint.prompts.network)
    assert {weight.dtype for network in networks for weight in network.parameters()} == {torch.bfloat16}
    pipeline = Pipeline(checkpoint)
    [sample] = pipeline.start([make_request()])
    pipeline.step([sample])
    assert sample.latent.dtype == torch.float32
    assert sample.is_finite


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_embedding_is_in_memory_once(tiny_checkpoint: Path, dtype: torch.dtype) -> None:
    network = load_checkpoint(tiny_checkpoint, CPU, dtype).prompts.network
    names = ("shared.weight", "encoder.embed_tokens.weight")
    assert len({network.get_parameter(name).data_ptr() for name in names}) == 1


def test_name_is_that_of_the_folder(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_checkpoint)
    assert load_checkpoint(Path("."), CPU).name == "tiny"


def test_published_checkpoints_are_for_1024_pixels(folder: Path) -> None:
    assert load_checkpoint(folder, CPU).default_side == 64
    (folder / "serving.json").unlink()
    assert load_checkpoint(folder, CPU).default_side == 1024


def test_original_files_hold_the_same_networks(diffusers_checkpoint: Path, original_checkpoint: Path) -> None:
    found, expected = (load_checkpoint(folder, CPU) for folder in (original_checkpoint, diffusers_checkpoint))
    assert found.unet.config == expected.unet.config
    assert_same_weights(found.unet, expected.unet)
    assert_same_weights(found.movq, expected.movq)
    assert_same_weights(found.prompts.network, expected.prompts.network)


def test_original_checkpoint_has_its_own_conventions(original_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(original_checkpoint, CPU, torch.bfloat16)
    assert checkpoint.samplers == ("kandinsky", "ddpm")
    assert checkpoint.conditioner.null_embedding is not None
    assert checkpoint.conditioner.null_embedding.dtype == torch.bfloat16
    assert checkpoint.default_side == 1024


def test_tokenizer_of_the_original(original_checkpoint: Path) -> None:
    prompts = load_checkpoint(original_checkpoint, CPU).prompts
    short, long = prompts.tokenize(["a red apple", "a red apple " * 100])
    assert len(long) == MAX_TOKENS
    assert short[-1] == long[-1] == EOS


def test_original_flash(original: Path, make_request: MakeRequest) -> None:
    for name in ("kandinsky3", "flan_ul2_encoder/projection"):
        (original / f"{name}.pt").rename(original / f"{name}_flash.pt")
    pipeline = Pipeline(load_checkpoint(original, CPU))
    assert pipeline.checkpoint.samplers == ("flash",)
    [sample] = pipeline.start([make_request(sampler="flash", guidance_scale=0.0)])
    while not sample.is_done:
        pipeline.step([sample])
    assert sample.num_done == 4
    assert sample.is_finite


def test_original_inpainting(original: Path) -> None:
    content = torch.load(original / "kandinsky3.pt", weights_only=True)
    weight = content["unet"]["in_layer.weight"]
    content["unet"]["in_layer.weight"] = torch.cat([weight, torch.zeros_like(weight[:, :1]), weight], dim=1)
    torch.save(content, original / "kandinsky3_inpainting.pt")
    (original / "kandinsky3.pt").unlink()
    encoder = original / "flan_ul2_encoder"
    (encoder / "projection.pt").rename(encoder / "projection_inpainting.pt")
    checkpoint = load_checkpoint(original, CPU)
    assert checkpoint.inpaints
    assert checkpoint.samplers == ("kandinsky",)


def test_same_weights_give_the_same_noise_in_both_layouts(
    diffusers_checkpoint: Path, original_checkpoint: Path
) -> None:
    """Where the conventions agree: when the one padding token is the same in both."""
    networks = [load_checkpoint(folder, CPU) for folder in (original_checkpoint, diffusers_checkpoint)]
    states = torch.randn(MAX_TOKENS, networks[0].prompts.width)
    x, timesteps = torch.randn(1, 4, 8, 8), torch.tensor([500.0])
    with torch.inference_mode():
        original, diffusers = (
            each.unet(x, timesteps, each.unet.encode_text(each.conditioner.condition_prompt(states)))
            for each in networks
        )
    assert original.std() > 0
    assert torch.equal(original, diffusers)
