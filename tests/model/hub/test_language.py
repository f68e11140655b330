"""A language model that passes can be loaded, and one that cannot be loaded does not pass."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model.checkpoint import FAMILY
from model.hub.verify import verify
from tests.language_models import write_language_model
from tests.model.damage import change, drop, edit, truncate

LAYERS = "model.layers"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model."""
    return write_language_model(tmp_path_factory.mktemp("language") / "chat")


@pytest.fixture
def chat(written: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(written, tmp_path / "models" / "chat")


def faults(folder: Path) -> list[str]:
    """All that is wrong with the only model in a folder."""
    [(name, found)] = verify(folder)
    assert name == "chat"
    return found


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("llama", {"tie_word_embeddings": True}),
        ("mixtral", {"num_local_experts": 4}),
        ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4}),
    ],
)
def test_whole(tmp_path: Path, kind: str, config: dict[str, Any]) -> None:
    write_language_model(tmp_path / "chat", kind, **config)
    assert faults(tmp_path) == []


def test_pickled(chat: Path) -> None:
    weights = load_file(chat / "model.safetensors")
    (chat / "model.safetensors").unlink()
    assert faults(chat) == [f"{chat / 'model.safetensors'} is missing"]
    torch.save(weights, chat / "pytorch_model.bin")
    assert faults(chat) == []


def test_tensors(chat: Path) -> None:
    drop(chat / "model.safetensors", f"{LAYERS}.1.mlp.up_proj.weight")
    change(chat / "model.safetensors", f"{LAYERS}.0.mlp.down_proj.weight", lambda _: torch.zeros(3, 3))
    assert faults(chat.parent) == [
        f"{chat}: tensor '{LAYERS}.1.mlp.up_proj.weight' is missing",
        f"{chat}: tensor '{LAYERS}.0.mlp.down_proj.weight' has shape (3, 3), not (32, 64)",
    ]


def test_weights_that_are_cut(chat: Path) -> None:
    truncate(chat / "model.safetensors", 0.5)
    [fault] = faults(chat)
    assert fault.startswith(f"{chat / 'model.safetensors'} is damaged or truncated")


def test_tokenizer(chat: Path) -> None:
    truncate(chat / "tokenizer.json", 0.5)
    [fault] = faults(chat)
    assert fault.startswith(f"{chat / 'tokenizer.json'} is not valid JSON")
    (chat / "tokenizer.json").unlink()
    assert faults(chat) == [f"{chat / 'tokenizer.json'} is missing, and no other file makes a tokenizer"]


def test_a_tokenizer_of_another_model(chat: Path) -> None:
    edit(chat / "config.json", vocab_size=100)
    for tensor in ("model.embed_tokens.weight", "lm_head.weight"):
        change(chat / "model.safetensors", tensor, lambda weight: weight[:100].contiguous())
    [fault] = faults(chat)
    assert fault.endswith("tokens, its network 100")


def test_an_architecture_that_keeps_a_state(tmp_path: Path) -> None:
    folder = write_language_model(tmp_path / "chat", "mamba")
    assert faults(tmp_path) == [f"{folder}: a mamba keeps a recurrent state, not keys and values"]


def test_an_architecture_that_is_not_known(chat: Path) -> None:
    edit(chat / "config.json", model_type="absent")
    [fault] = faults(chat)
    assert f"{chat / 'config.json'}: The checkpoint you are trying to load has model type `absent`" in fault


def test_a_configuration_that_is_cut(chat: Path) -> None:
    truncate(chat / "config.json", 0.5)
    shutil.copytree(FAMILY / "kandisuperres-x4-demo", chat.parent / "x4")
    (x4, x4_faults), (name, [fault]) = verify(chat.parent)
    assert (x4, x4_faults, name) == ("x4", [], "chat")
    assert fault.startswith(f"{chat / 'config.json'} is not valid JSON")


def test_parts_of_a_checkpoint_are_no_language_models(family: Path) -> None:
    truncate(family / "tiny" / "text_encoder" / "config.json", 0.5)
    assert [name for name, _ in verify(family / "tiny")] == ["tiny"]
    (family / "other").mkdir()
    (family / "other" / "config.json").write_text(json.dumps({"architectures": "LlamaForCausalLM"}))
    assert "other" not in [name for name, _ in verify(family)]
