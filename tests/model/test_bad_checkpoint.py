"""Whatever is wrong with a checkpoint, loading it says so in one message that names the file."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.checkpoint import load_checkpoint
from tests.checkpoints import TINY, write_checkpoint
from tests.model.conftest import CPU
from tests.model.damage import assert_refused, change, drop, edit, truncate

UNET, MOVQ, T5 = "unet/config.json", "movq/config.json", "text_encoder/config.json"
UNET_WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
MOVQ_WEIGHTS = "movq/diffusion_pytorch_model.safetensors"
T5_WEIGHTS = "text_encoder/model.safetensors"
TOKENIZER = "tokenizer/tokenizer_config.json"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model_index.json", b""),
        ("model_index.json", b"null"),
        (UNET, b"{"),
        (UNET, b"\xff\xfe\x00"),
        (MOVQ, b"[1, 2]"),
        (T5, b'"text"'),
    ],
)
def test_no_json_object(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert_refused(folder, str(folder / name))


@pytest.mark.parametrize("name", [UNET, MOVQ, T5, UNET_WEIGHTS, MOVQ_WEIGHTS, T5_WEIGHTS])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert_refused(folder, str(folder / name), "is missing")


@pytest.mark.parametrize("name", ["unet", "movq", "text_encoder", "tokenizer"])
def test_missing_component(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    assert_refused(folder, str(folder / name), "is missing")


@pytest.mark.parametrize("name", [UNET, UNET_WEIGHTS, "model_index.json"])
def test_folder_in_the_place_of_a_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert_refused(folder, str(folder / name))


@pytest.mark.parametrize(
    ("name", "share"),
    [
        (UNET_WEIGHTS, 0.0),
        (UNET_WEIGHTS, 0.001),
        (UNET_WEIGHTS, 0.999),
        (MOVQ_WEIGHTS, 0.5),
        (T5_WEIGHTS, 0.5),
    ],
)
def test_truncated_weights(folder: Path, name: str, share: float) -> None:
    truncate(folder / name, share)
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
    edit(folder / name, **fields)
    assert_refused(folder, str((folder / name).parent), says)


@pytest.mark.parametrize(
    ("name", "field"),
    [(UNET, "groups"), (UNET, "block_out_channels"), (MOVQ, "down_block_types"), (MOVQ, "norm_num_groups")],
)
def test_missing_field(folder: Path, name: str, field: str) -> None:
    content = json.loads((folder / name).read_text())
    del content[field]
    (folder / name).write_text(json.dumps(content))
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
        drop(folder / file, tensor)
        assert_refused(folder, str((folder / file).parent), tensor.removeprefix("shared."), "is missing")

    def test_wrong_shape(self, folder: Path, file: str, tensor: str) -> None:
        change(folder / file, tensor, lambda found: torch.cat([found, found]))
        assert_refused(folder, str(folder / file), tensor, "has shape")

    def test_quantised(self, folder: Path, file: str, tensor: str) -> None:
        change(folder / file, tensor, lambda found: found.to(torch.int8))
        assert_refused(folder, str(folder / file), tensor, "torch.int8")


@pytest.mark.parametrize(
    ("file", "tensor"), [(UNET_WEIGHTS, "mid_block.weight"), (T5_WEIGHTS, "encoder.block.9.weight")]
)
def test_tensor_left_over(folder: Path, file: str, tensor: str) -> None:
    weights = load_file(folder / file)
    save_file(weights | {tensor: torch.zeros(2)}, folder / file)
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
    (folder / UNET_WEIGHTS).rename(folder / "unet" / "shard.safetensors")
    (folder / f"{UNET_WEIGHTS}.index.json").write_text(json.dumps(content))
    assert_refused(folder, says)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\x00\x01"])
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_tokenizer_that_is_none(folder: Path, name: str, content: bytes | None) -> None:
    (folder / "tokenizer" / name).unlink()
    if content is not None:
        (folder / "tokenizer" / name).write_bytes(content)
    assert_refused(folder, str(folder / "tokenizer"))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (TOKENIZER, {"model_max_length": "many"}),
        (TOKENIZER, {"model_max_length": 0}),
        ("tokenizer/tokenizer.json", {"post_processor": None}),
        ("tokenizer/tokenizer.json", {"model": None}),
        ("tokenizer/tokenizer.json", {"model": {"type": "Unigram", "vocab": []}}),
    ],
)
def test_tokenizer_of_another_kind(folder: Path, name: str, fields: dict[str, object]) -> None:
    edit(folder / name, **fields)
    assert_refused(folder, str(folder / "tokenizer"))


def test_tokenizer_with_code_is_not_asked_about(folder: Path) -> None:
    edit(folder / TOKENIZER, auto_map={"AutoTokenizer": ["evil.Tokenizer", None]})
    (folder / "tokenizer" / "evil.py").write_text("raise SystemExit(3)")
    load_checkpoint(folder, CPU)


def test_tokenizer_of_another_model(folder: Path) -> None:
    file = folder / "tokenizer" / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"] += [[f"word{i}", -9.0] for i in range(100)]
    file.write_text(json.dumps(content))
    assert_refused(folder, str(folder / "tokenizer"), "tokens")


def test_text_encoder_of_another_width(folder: Path, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", replace(TINY, unet=replace(TINY.unet, encoder_dim=64)))
    shutil.rmtree(folder / "text_encoder")
    shutil.copytree(other / "text_encoder", folder / "text_encoder")
    assert_refused(folder, str(folder), "64 wide", "32")


def test_unet_for_inpainting(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "other", replace(TINY, unet=replace(TINY.unet, in_channels=9)))
    assert_refused(folder, str(folder), "9 channels in and 4 out", "latents of the MoVQ have 4")


@pytest.mark.parametrize("side", [0, 63, -64, "64", 64.0, None])
def test_default_side(folder: Path, side: object) -> None:
    edit(folder / "serving.json", default_side=side)
    assert_refused(folder, str(folder), "default_side")


def test_not_a_folder(folder: Path) -> None:
    assert_refused(folder / "model_index.json", "model_index.json", "is not a folder")
    assert_refused(folder / "absent", "absent", "is not a folder")


def test_empty_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path, str(tmp_path), "model_index.json", "kandinsky3.pt")
