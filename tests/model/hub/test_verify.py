"""Every kind of damage is found, and all of it at once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.checkpoint import FAMILY
from model.family import find_checkpoints
from model.hub.lock import Lock, LockedFile, sha256
from model.hub.verify import verify
from model.weights import CheckpointError
from tests.model.damage import edit, truncate

WEIGHTS = "Kandinsky3.1/weights"
ENCODER = f"{WEIGHTS}/flan_ul2_encoder"


def faults(folder: Path) -> list[str]:
    """All that is wrong, each fault once."""
    return list(dict.fromkeys(fault for _, found in verify(folder) for fault in found))


def change(file: Path, tensor: str, make: Callable[[torch.Tensor], torch.Tensor | None]) -> None:
    """Replaces one tensor of a pickled file by what is made of it, or leaves it out."""
    content = torch.load(file)
    weights = content.get("unet", content)
    changed = make(weights.pop(tensor))
    if changed is not None:
        weights[tensor] = changed
    torch.save(content, file)


def test_as_published(published_folder: Path) -> None:
    checked = dict(verify(published_folder))
    assert list(checked) == [found.name for found in find_checkpoints(published_folder)]
    assert set(map(tuple, checked.values())) == {()}


def test_the_shipped_family() -> None:
    assert faults(FAMILY) == []


@pytest.mark.parametrize(
    "name",
    [
        f"{WEIGHTS}/movq.pt",
        f"{ENCODER}/projection_flash.pt",
        f"{ENCODER}/config.json",
        f"{ENCODER}/tokenizer_config.json",
        f"{ENCODER}/pytorch_model-00002-of-00004.bin",
    ],
)
def test_missing_file(published: Path, name: str) -> None:
    (published / name).unlink()
    assert f"{published / name} is missing" in faults(published)


@pytest.mark.parametrize(
    "name",
    [
        "KandiSuperRes/KandiSuperRes.ckpt",
        f"{WEIGHTS}/kandinsky3_flash.pt",
        f"{ENCODER}/projection_flash.pt",
        f"{ENCODER}/pytorch_model-00003-of-00004.bin",
    ],
)
def test_truncated_file(published: Path, name: str) -> None:
    truncate(published / name, 0.7)
    [fault] = faults(published)
    assert fault.startswith(f"{published / name} is damaged or truncated")


def test_tensors(published: Path) -> None:
    file = published / WEIGHTS / "kandinsky3_flash.pt"
    change(file, "in_layer.bias", lambda tensor: None)
    change(file, "out_layer.2.bias", lambda tensor: tensor[:2])
    change(file, "to_time_embed.1.bias", lambda tensor: tensor.long())
    assert sorted(fault.removeprefix(f"{file}: ") for fault in faults(published)) == [
        "tensor 'conv_in.bias' is missing",
        "tensor 'conv_out.bias' has shape (2,), not (4,)",
        "tensor 'time_embedding.linear_1.bias' is of torch.int64",
    ]


def test_faults_of_all_networks_at_once(published: Path) -> None:
    truncate(published / "KandiSuperRes" / "KandiSuperRes.ckpt", 0.5)
    for number in (1, 4):
        truncate(published / ENCODER / f"pytorch_model-0000{number}-of-00004.bin", 0.5)
    change(published / WEIGHTS / "movq.pt", "quant_conv.bias", lambda tensor: None)
    found = faults(published)
    assert len(found) == 4
    names = ("KandiSuperRes.ckpt", "00001-of", "00004-of", "quant_conv")
    assert [name for name in names if name not in str(found)] == []


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("tiny/model_index.json", {"_class_name": "Other"}, "_class_name is 'Other'"),
        ("tiny/serving.json", {"default_side": 100}, "default_side 100 is no multiple of 64"),
        ("tiny-flash/serving.json", {"components": "../absent"}, "components is '../absent'"),
        ("tiny-x4/serving.json", {"scale": 3}, "scale is 3"),
        ("tiny-x4/unet/config.json", {"num_blocks": [1]}, "num_blocks"),
        ("tiny/text_encoder/config.json", {"d_model": 40}, "has shape"),
    ],
)
def test_configuration(family: Path, name: str, fields: dict[str, object], says: str) -> None:
    edit(family / name, **fields)
    assert [fault for fault in faults(family) if says in fault]


def test_shards_of_safetensors(family: Path) -> None:
    folder = family / "tiny" / "text_encoder"
    index = {
        "weight_map": {"a": "model-1.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"}
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    save_file({"a": torch.zeros(1)}, folder / "model-1.safetensors")
    found = faults(family)
    assert f"{folder / 'model-2.safetensors'} is missing" in found
    assert f"{folder / 'model-1.safetensors'}: tensor 'b' is missing" in found


def test_what_was_pulled(family: Path) -> None:
    folder = family / "tiny-x4"
    file = folder / "serving.json"
    text = file.read_text()
    Lock("owner/Tiny", "0" * 40, {file.name: LockedFile(len(text), sha256(file))}).write(folder)
    assert faults(folder) == []
    file.write_text(text + " ")
    assert faults(folder) == [f"{file} has {len(text) + 1} bytes, not {len(text)}"]
    file.write_text(text.replace("4", "2"))
    assert faults(folder) == []
    [(_, [fault]), _] = verify(folder, sums=True)
    assert fault.startswith(f"{file} is not what was published: its SHA-256 is")


def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no checkpoint and holds none"):
        faults(tmp_path)
