import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.language.loading import find_default_language_model, load_language_model, model_name
from model.language.pipeline import LanguagePipeline, beautify
from model.language.writing import BeautifyRequest
from model.weights import CheckpointError
from tests.language_models import write_language_model
from tests.model.conftest import CPU
from tests.model.damage import edit, truncate

ROOT = Path(__file__).parents[3]


@pytest.fixture
def damaged(language_folder: Path, tmp_path: Path) -> Path:
    """A copy of a language model, to be changed."""
    return shutil.copytree(language_folder, tmp_path / "copy")


def refused(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_language_model(folder, CPU)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"),
        ("Mistral-7B-Instruct-v0.3-Q4_K_M.gguf", "mistral-7b-instruct-v0.3"),
        ("phi-F16.gguf", "phi"),
        ("neural-chat-7b-v3-1", "neural-chat-7b-v3-1"),
    ],
)
def test_name(path: str, name: str) -> None:
    assert model_name(Path(path)) == name


def test_settings_lie_beside_the_model(damaged: Path) -> None:
    (damaged / "beautifier.json").write_text('{"top_k": 7}')
    assert load_language_model(damaged, CPU).settings.top_k == 7
    assert load_language_model(damaged, CPU, settings={"top_k": 8}).settings.top_k == 8


def test_half_precision(language_folder: Path) -> None:
    model = load_language_model(language_folder, CPU, torch.bfloat16)
    assert {weight.dtype for weight in model.network.parameters()} == {torch.bfloat16}
    [beautified] = beautify(LanguagePipeline(model), [BeautifyRequest("a red apple", 1)])
    assert beautified.text


def test_truncated_weights(damaged: Path) -> None:
    truncate(damaged / "model.safetensors", 0.5)
    assert str(damaged) in refused(damaged)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_missing_file(damaged: Path, name: str) -> None:
    (damaged / name).unlink()
    assert str(damaged) in refused(damaged)


def test_missing_tensor(damaged: Path) -> None:
    weights = load_file(damaged / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    assert refused(damaged) == f"{damaged}: tensor 'model.layers.1.mlp.up_proj.weight' is missing"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"model_type": "t5"}, ""),
        ({"model_type": "nothing"}, ""),
        ({"intermediate_size": 80}, "'model.layers.0.mlp.down_proj.weight' has shape (32, 64), not (32, 80)"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "'linear_attention' are not supported"),
    ],
)
def test_configuration(damaged: Path, fields: dict[str, object], says: str) -> None:
    edit(damaged / "config.json", **fields)
    message = refused(damaged)
    assert str(damaged) in message
    assert says in message


@pytest.mark.parametrize(
    ("kind", "says"),
    [("mamba", "keeps a recurrent state, not keys and values"), ("openai-gpt", "keeps no keys and values")],
)
def test_network_without_keys_and_values(kind: str, says: str, tmp_path: Path) -> None:
    folder = write_language_model(tmp_path, kind)
    assert refused(folder) == f"{folder}: a {kind} {says}"


def test_loading_alone_changes_what_transformers_says() -> None:
    code = (
        "from transformers.utils import logging; before = logging.get_verbosity(); "
        "import model.language.loading; assert logging.get_verbosity() == before; "
        "assert logging.is_progress_bar_enabled()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_extra_brings_what_reads_a_file() -> None:
    """transformers reads `.gguf` files with these two, which it does not ask for itself."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    language = content["project"]["optional-dependencies"]["language"]
    assert {"accelerate", "gguf"} <= {re.split("[^a-z]", requirement)[0] for requirement in language}


def test_tokenizer_of_another_model(damaged: Path) -> None:
    content = json.loads((damaged / "tokenizer.json").read_text())
    content["model"]["vocab"] |= {f"word{i}": 1000 + i for i in range(100)}
    (damaged / "tokenizer.json").write_text(json.dumps(content))
    assert refused(damaged).endswith("its tokenizer has 420 tokens, its network 320")


def test_absent_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent.gguf") == f"{tmp_path / 'absent.gguf'} is missing"


@pytest.mark.timeout(600)  # the first time, the file is converted
def test_model_of_the_wheel_expands_prompts() -> None:
    assert find_default_language_model() is not None
    model = load_language_model(None, CPU, settings={"max_new_tokens": 16})
    requests = [
        BeautifyRequest(prompt, 0, "{prompt}, oil painting") for prompt in ("a red apple", "рыжий кот")
    ]
    for request, beautified in zip(requests, beautify(LanguagePipeline(model), requests), strict=True):
        assert beautified.fallback is None
        assert beautified.text.startswith(f"{request.prompt}, ")
        assert beautified.text.endswith(", oil painting")
    assert model.name == "smollm2-135m-instruct"
