"""Whatever is wrong with a checkpoint, loading it says so in one message that names the file."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.checkpoint import load_checkpoint
from model.weights import CheckpointError
from tests.checkpoints import TINY, write_checkpoint
from tests.model.conftest import CPU
from tests.model.originals import CONFIG, write_original

Damage = Callable[[Path], None]
UNET, MOVQ, T5 = "unet/config.json", "movq/config.json", "text_encoder/config.json"
UNET_WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
MOVQ_WEIGHTS = "movq/diffusion_pytorch_model.safetensors"
T5_WEIGHTS = "text_encoder/model.safetensors"
T5_SHARD = "flan_ul2_encoder/pytorch_model-00001-of-00002.bin"


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be damaged."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "copy")


@pytest.fixture(scope="module")
def original_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    return write_original(write_checkpoint(folder / "diffusers", CONFIG), folder / "original")


@pytest.fixture
def original(original_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of an original checkpoint, to be damaged."""
    return shutil.copytree(original_checkpoint, tmp_path / "original")


def assert_refused(folder: Path, *parts: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder, CPU)
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def edit(name: str, **fields: object) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps(json.loads(file.read_text()) | fields))

    return damage


def remove_field(name: str, field: str) -> Damage:
    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        del content[field]
        (folder / name).write_text(json.dumps(content))

    return damage


def write(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content) and None


def remove(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def truncate(name: str, share: float) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return damage


def make_folder(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return damage


def change(name: str, edit_weights: Callable[[dict[str, Tensor]], Any]) -> Damage:
    def damage(folder: Path) -> None:
        weights = load_file(folder / name)
        edit_weights(weights)
        save_file(weights, folder / name)

    return damage


def index_of(name: str, content: object) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).rename(folder / name.replace(".safetensors", "-1.safetensors"))
        (folder / f"{name}.index.json").write_text(json.dumps(content))

    return damage


def resize(weights: dict[str, Tensor], name: str) -> None:
    weights[name] = torch.cat([weights[name], weights[name]])


def quantise(weights: dict[str, Tensor], name: str) -> None:
    weights[name] = weights[name].to(torch.int8)


@pytest.mark.parametrize("name", ["model_index.json", UNET, MOVQ, T5])
@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b'"text"', b"null"])
def test_json_that_is_none(folder: Path, name: str, content: bytes) -> None:
    write(name, content)(folder)
    assert_refused(folder, str(folder / name))


@pytest.mark.parametrize("name", [UNET, MOVQ, T5, UNET_WEIGHTS, MOVQ_WEIGHTS, T5_WEIGHTS])
def test_missing_file(folder: Path, name: str) -> None:
    remove(name)(folder)
    assert_refused(folder, str(folder / name), "is missing")


@pytest.mark.parametrize("name", ["unet", "movq", "text_encoder", "tokenizer"])
def test_missing_component(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    assert_refused(folder, str(folder / name), "is missing")


@pytest.mark.parametrize("name", [UNET, UNET_WEIGHTS, "model_index.json"])
def test_folder_in_the_place_of_a_file(folder: Path, name: str) -> None:
    make_folder(name)(folder)
    assert_refused(folder, str(folder / name))


@pytest.mark.parametrize("name", [UNET_WEIGHTS, MOVQ_WEIGHTS, T5_WEIGHTS])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights(folder: Path, name: str, share: float) -> None:
    truncate(name, share)(folder)
    assert_refused(folder, str(folder / name), "damaged or truncated")


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("model_index.json", {"_class_name": "StableDiffusionPipeline"}, "StableDiffusionPipeline"),
        ("model_index.json", {"_class_name": None}, "_class_name"),
        (UNET, {"_class_name": "UNet2DConditionModel"}, "UNet2DConditionModel"),
        (MOVQ, {"_class_name": "AutoencoderKL"}, "AutoencoderKL"),
        (T5, {"model_type": "umt5"}, "umt5"),
        (UNET, {"block_out_channels": [32, 32]}, ""),
        (UNET, {"block_out_channels": []}, ""),
        (UNET, {"block_out_channels": 32}, ""),
        (UNET, {"block_out_channels": ["a", "b"]}, ""),
        (UNET, {"block_out_channels": [32, 32, 48, 10**12]}, ""),
        (UNET, {"layers_per_block": 1}, "num_blocks"),
        (UNET, {"layers_per_block": "2"}, ""),
        (UNET, {"groups": 7}, "groups=7"),
        (UNET, {"groups": 0}, "groups=0"),
        (UNET, {"groups": -8}, "groups"),
        (UNET, {"groups": 8.0}, "groups"),
        (UNET, {"groups": 16}, ""),
        (UNET, {"attention_head_dim": 5}, "head_dim=5"),
        (UNET, {"attention_head_dim": 64}, "head_dim=64"),
        (UNET, {"time_embedding_dim": "64"}, "time_embed_dim"),
        (UNET, {"in_channels": None}, "in_channels"),
        (MOVQ, {"down_block_types": [1, 2, 3, 4]}, ""),
        (MOVQ, {"down_block_types": []}, "attention"),
        (MOVQ, {"norm_num_groups": 5}, "groups=5"),
        (MOVQ, {"latent_channels": [4]}, "latent_channels"),
        (T5, {"num_heads": "two"}, ""),
        (T5, {"d_model": None}, ""),
        (T5, {"dense_act_fn": "nothing"}, "nothing"),
        (T5, {"num_layers": -1}, ""),
    ],
)
def test_configuration(folder: Path, name: str, fields: dict[str, object], says: str) -> None:
    edit(name, **fields)(folder)
    assert_refused(folder, str((folder / name).parent), says)


@pytest.mark.parametrize(
    ("name", "field"),
    [(UNET, "groups"), (UNET, "block_out_channels"), (MOVQ, "down_block_types"), (MOVQ, "norm_num_groups")],
)
def test_missing_field(folder: Path, name: str, field: str) -> None:
    remove_field(name, field)(folder)
    assert_refused(folder, str(folder / name), field)


@pytest.mark.parametrize(
    ("file", "tensor"),
    [
        (UNET_WEIGHTS, "down_blocks.1.attentions.0.attention.to_q.weight"),
        (MOVQ_WEIGHTS, "decoder.conv_norm_out.conv_y.bias"),
        (T5_WEIGHTS, "encoder.block.1.layer.1.DenseReluDense.wo.weight"),
        (T5_WEIGHTS, "shared.weight"),
    ],
)
class TestTensor:
    def test_missing(self, folder: Path, file: str, tensor: str) -> None:
        change(file, lambda weights: weights.pop(tensor))(folder)
        assert_refused(folder, str((folder / file).parent), tensor.removeprefix("shared."), "is missing")

    def test_wrong_shape(self, folder: Path, file: str, tensor: str) -> None:
        change(file, partial(resize, name=tensor))(folder)
        assert_refused(folder, str(folder / file), tensor, "has shape")

    def test_quantised(self, folder: Path, file: str, tensor: str) -> None:
        change(file, partial(quantise, name=tensor))(folder)
        assert_refused(folder, str(folder / file), tensor, "torch.int8")


@pytest.mark.parametrize(
    ("file", "tensor"), [(UNET_WEIGHTS, "mid_block.weight"), (T5_WEIGHTS, "encoder.block.9.weight")]
)
def test_tensor_left_over(folder: Path, file: str, tensor: str) -> None:
    change(file, lambda weights: weights.update({tensor: torch.zeros(2)}))(folder)
    assert_refused(folder, str(folder / file), tensor, "unexpected")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"weight_map": {"conv_in.weight": "absent.safetensors"}}, "absent.safetensors is missing"),
        ({"weight_map": ["absent.safetensors"]}, "index.json"),
        ({"weight_map": {"conv_in.weight": 5}}, "index.json"),
        ({"weight_map": {}}, "is missing"),
        ({}, "'weight_map' is missing"),
    ],
)
def test_index_of_shards(folder: Path, content: object, says: str) -> None:
    index_of(UNET_WEIGHTS, content)(folder)
    assert_refused(folder, says)


@pytest.mark.parametrize(
    "damage",
    [
        remove("tokenizer/tokenizer.json"),
        remove("tokenizer/tokenizer_config.json"),
        write("tokenizer/tokenizer.json", b"{}"),
        write("tokenizer/tokenizer.json", b"\x00\x01"),
        write("tokenizer/tokenizer_config.json", b"{"),
        write("tokenizer/tokenizer_config.json", b"[]"),
        edit("tokenizer/tokenizer_config.json", model_max_length="many"),
        edit("tokenizer/tokenizer.json", post_processor=None),
        edit("tokenizer/tokenizer.json", model=None),
        truncate("tokenizer/tokenizer.json", 0.5),
    ],
    ids=[
        "missing",
        "configuration missing",
        "empty object",
        "no text",
        "no JSON",
        "list",
        "length of the wrong kind",
        "no end of sentence",
        "no model",
        "truncated",
    ],
)
def test_tokenizer(folder: Path, damage: Damage) -> None:
    damage(folder)
    assert_refused(folder, str(folder / "tokenizer"))


def test_tokenizer_with_code_is_not_asked_about(folder: Path) -> None:
    edit("tokenizer/tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Tokenizer", None]})(folder)
    (folder / "tokenizer" / "evil.py").write_text("raise SystemExit(3)")
    load_checkpoint(folder, CPU)


def test_tokenizer_of_another_model(folder: Path) -> None:
    file = folder / "tokenizer" / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"] += [[f"word{i}", -9.0] for i in range(100)]
    file.write_text(json.dumps(content))
    assert_refused(folder, str(folder / "tokenizer"), "tokens")


def test_text_encoder_of_another_width(folder: Path, tmp_path: Path) -> None:
    wide = replace(TINY, text_encoder=replace(TINY.text_encoder, width=64))
    other = write_checkpoint(tmp_path / "other", replace(wide, unet=replace(wide.unet, encoder_dim=64)))
    shutil.rmtree(folder / "text_encoder")
    shutil.copytree(other / "text_encoder", folder / "text_encoder")
    assert_refused(folder, str(folder), "64 wide", "32")


@pytest.mark.parametrize("side", [0, 63, -64, "64", 64.0, None])
def test_default_side(folder: Path, side: object) -> None:
    edit("serving.json", default_side=side)(folder)
    assert_refused(folder, str(folder), "default_side")


def test_not_a_folder(folder: Path) -> None:
    assert_refused(folder / "model_index.json", "model_index.json", "is not a folder")
    assert_refused(folder / "absent", "absent", "is not a folder")


def test_empty_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path, str(tmp_path), "model_index.json", "kandinsky3.pt")


@pytest.mark.parametrize("name", ["projection.pt", "movq.pt", "flan_ul2_encoder/config.json"])
def test_missing_original_file(original: Path, name: str) -> None:
    remove(name)(original)
    assert_refused(original, str(original / name), "is missing")


@pytest.mark.parametrize(
    "name", ["kandinsky3.pt", "movq.pt", "flan_ul2_encoder/pytorch_model-00001-of-00002.bin"]
)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_original_file(original: Path, name: str, share: float) -> None:
    truncate(name, share)(original)
    assert_refused(original, str(original / name), "damaged or truncated")


class Code:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('code in a checkpoint was run')",)


@pytest.mark.parametrize("name", ["kandinsky3.pt", "projection.pt", "movq.pt"])
def test_code_in_a_file_is_not_run(original: Path, name: str) -> None:
    torch.save({"unet": Code()}, original / name)
    assert_refused(original, str(original / name))


def test_plain_pickle(original: Path) -> None:
    (original / "movq.pt").write_bytes(pickle.dumps(Code()))
    assert_refused(original, str(original / "movq.pt"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kandinsky3.pt", [1, 2]),
        ("kandinsky3.pt", {}),
        ("kandinsky3.pt", {"unet": 5, "null_embedding": torch.zeros(48)}),
        ("kandinsky3.pt", {"unet": {}, "null_embedding": torch.zeros(48)}),
        ("kandinsky3.pt", {"unet": {"in_layer.weight": 5}, "null_embedding": torch.zeros(48)}),
        ("kandinsky3.pt", {"unet": {3: 5}, "null_embedding": torch.zeros(48)}),
        ("movq.pt", {}),
        ("movq.pt", {"quant_conv.weight": torch.zeros(())}),
        (T5_SHARD, {1: 2}),
    ],
)
def test_original_file_of_something_else(original: Path, name: str, content: object) -> None:
    torch.save(content, original / name)
    assert_refused(original, str(original / name))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("kandinsky3.pt", "in_layer.weight"),
        ("projection.pt", "0.weight"),
        ("movq.pt", "encoder.conv_in.weight"),
    ],
)
def test_original_file_without_a_tensor(original: Path, name: str, key: str) -> None:
    content = torch.load(original / name)
    weights = content.get("unet", content)
    del weights[key]
    torch.save(content, original / name)
    assert_refused(original, "is missing", key.split(".")[-1])


@pytest.mark.parametrize("null_embedding", [torch.zeros(3), [0.0] * 48, None])
def test_null_embedding(original: Path, null_embedding: object) -> None:
    content = torch.load(original / "kandinsky3.pt")
    torch.save(content | {"null_embedding": null_embedding}, original / "kandinsky3.pt")
    assert_refused(original, str(original / "kandinsky3.pt"), "null_embedding")
