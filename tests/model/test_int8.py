from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import T5Config, T5EncoderModel

from model.activations import peak_bytes
from model.costs import encoder_cost
from model.int8 import Int8Linear, assign_int8
from model.pipeline import Pipeline
from model.residency import num_bytes
from model.t5 import build_encoder, load_prompt_encoder
from model.text_encoder import MAX_TOKENS, PromptEncoder
from model.weights import StoredTensor, build, fill

CPU = torch.device("cpu")
PROMPTS = ["a red apple", "a photo of a small dog on a blue background", "рыжий кот"]


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Path) -> PromptEncoder:
    folder = tiny_checkpoint / "text_encoder"
    return load_prompt_encoder(folder, tiny_checkpoint / "tokenizer", CPU, torch.float32, is_int8=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_weight_is_further_off_than_half_a_step(dtype: torch.dtype) -> None:
    weight = torch.randn(16, 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    layer = Int8Linear.of(weight)
    step = weight.float().abs().amax(dim=1, keepdim=True) / 127
    assert ((layer.weight * layer.scale[:, None] - weight).abs() <= 0.501 * step).all()
    assert layer.weight.dtype == torch.int8


def test_row_of_zeros() -> None:
    layer = Int8Linear.of(torch.zeros(2, 4, dtype=torch.bfloat16))
    assert torch.equal(layer(torch.ones(3, 4, dtype=torch.bfloat16)), torch.zeros(3, 2, dtype=torch.bfloat16))


def test_products_of_large_numbers_fit_into_half_precision() -> None:
    weight, x = torch.full((2, 4096), 0.01, dtype=torch.float16), torch.ones(1, 4096, dtype=torch.float16)
    torch.testing.assert_close(Int8Linear.of(weight)(x), F.linear(x, weight))


@pytest.mark.parametrize("is_int8", [False, True])
def test_encoder_in_half_precision_keeps_large_products(folder: Path, is_int8: bool) -> None:
    """As those of T5, which are past 65504 behind the gate."""
    file = folder / "text_encoder" / "model.safetensors"
    weights = load_file(file)
    for name in (name for name in weights if ".wo." in name):
        weights[name] = 1e5 * weights[name].float()
    save_file(weights, file)
    states = []
    for dtype in (torch.float16, torch.float32):
        encoder = load_prompt_encoder(
            folder / "text_encoder", folder / "tokenizer", CPU, dtype, is_int8=is_int8
        )
        with torch.inference_mode():
            states.append(torch.cat(encoder.encode(PROMPTS)).float())
    found, expected = states
    assert (found - expected).norm() < 0.02 * expected.norm()


def test_encoder_in_int8_gives_nearly_the_same_states(encoder: PromptEncoder, pipeline: Pipeline) -> None:
    with torch.inference_mode():
        pairs = zip(encoder.encode(PROMPTS), pipeline.checkpoint.prompts.encode(PROMPTS), strict=True)
    for found, expected in pairs:
        error = (found - expected).norm() / expected.norm()
        assert 0 < error < 0.02


def test_only_linear_layers_are_in_int8(encoder: PromptEncoder) -> None:
    kinds = {name: weight.dtype for name, weight in encoder.network.named_parameters()}
    linear = {name for name, dtype in kinds.items() if dtype == torch.int8}
    assert all(part in name for name in linear for part in ("encoder.block.", ".layer.", ".weight"))
    assert not any(isinstance(layer, nn.Linear) for layer in encoder.network.modules())
    assert kinds["shared.weight"] == torch.float32


def test_bytes_are_as_planned(encoder: PromptEncoder, pipeline: Pipeline) -> None:
    network = pipeline.checkpoint.prompts.network
    assert isinstance(network, T5EncoderModel)
    assert encoder_cost("tiny", network).int8_weights == num_bytes(encoder.network)


def test_copy_of_a_layer_is_counted() -> None:
    config = T5Config(d_model=512, d_ff=1024, num_layers=1, num_heads=2, d_kv=32, vocab_size=8)
    network = build(lambda: build_encoder(config))
    cost = encoder_cost("wide", network)
    assert cost.int8_copy == 512 * 1024 * 4
    for name, weight in list(network.named_parameters()):
        assign_int8(network, name, weight)
    taken = peak_bytes(lambda: network(input_ids=torch.zeros(2, MAX_TOKENS, dtype=torch.long)))
    assert cost.activations < taken <= cost.activations + cost.int8_copy


def test_filling_holds_one_whole_tensor_at_a_time() -> None:
    alive: WeakSet[Tensor] = WeakSet()
    most = 0

    def stored() -> Iterator[StoredTensor]:
        nonlocal most
        for i in range(5):
            tensor = torch.ones(8, 8, dtype=torch.float16)
            alive.add(tensor)
            yield StoredTensor(Path("file"), f"{i}.weight", tensor)
            del tensor
            most = max(most, len(alive))

    network = build(lambda: nn.Sequential(*(nn.Linear(8, 8, bias=False) for _ in range(5))))
    fill(network, stored(), torch.bfloat16, Path("folder"), assign_int8)
    assert most == 1
    assert all(isinstance(layer, Int8Linear) for layer in network)


def test_linear_layer_with_bias_stays() -> None:
    layer = build(lambda: nn.Sequential(nn.Linear(4, 4)))
    assign_int8(layer, "0.weight", torch.ones(4, 4))
    assert isinstance(layer[0], nn.Linear)
