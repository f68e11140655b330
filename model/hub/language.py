"""Checks of causal language models in the layout of `transformers`, from the heads of their files."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from model.hub.files import META, attempt, file_faults, is_weights
from model.weights import (
    CheckpointError,
    StoredTensor,
    build,
    made_from,
    read_json,
    read_pickled,
    read_safetensors,
)

#: Ends of the names of causal architectures; those of the second are as old as GPT-2.
CAUSAL = ("ForCausalLM", "LMHeadModel")


def language_folders(place: Path, others: Collection[Path]) -> list[Path]:
    """The folders of causal language models: this one, or those in it, but none of `others` or within one."""
    if place in others:
        return []
    folders = (place, *sorted(place.glob("*/")))
    return [folder for folder in folders if folder not in others and _is_language_model(folder)]


def language_faults(folder: Path) -> list[str]:
    """All that is wrong with a language model, each fault once."""
    return list(dict.fromkeys(_faults(folder)))


def _is_language_model(folder: Path) -> bool:
    if not (folder / "config.json").exists():
        return False
    try:
        architectures = read_json(folder / "config.json").get("architectures")
    except CheckpointError:  # beside weights this is the fault of a model, not a file of something else
        return any(is_weights(file) for file in folder.iterdir())
    return isinstance(architectures, list) and any(str(name).endswith(CAUSAL) for name in architectures)


def _faults(folder: Path) -> Iterator[str]:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    yield from file_faults(folder)
    config, config_faults = attempt(lambda: _load_config(folder / "config.json"))
    if config is None:  # without it nothing else can be told
        yield from config_faults
        return
    network, network_faults = attempt(lambda: _load_network(folder, config))
    tokenizer, tokenizer_faults = attempt(lambda: _load_tokenizer(folder))
    yield from (*network_faults, *tokenizer_faults)
    if network is None or tokenizer is None:
        return
    if network._is_stateful:
        yield f"{folder}: a {config.model_type} keeps a recurrent state, not keys and values"
    num_rows = network.get_input_embeddings().weight.shape[0]
    if tokenizer.vocab_size > num_rows:
        yield f"{folder}: its tokenizer has {tokenizer.vocab_size} tokens, its network {num_rows}"


def _load_config(file: Path) -> Any:
    read_json(file)
    return made_from(file, lambda: AutoConfig.from_pretrained(file.parent, local_files_only=True))


def _load_network(folder: Path, config: Any) -> Any:
    """A network without memory. Raises CheckpointError for tensors that are missing or of another shape."""
    empty = made_from(folder / "config.json", lambda: build(lambda: AutoModelForCausalLM.from_config(config)))
    network, report = made_from(folder, lambda: _fill(empty, _heads(folder)))
    faults = [f"{folder}: tensor {name!r} is missing" for name in sorted(report["missing_keys"])]
    faults += [
        f"{folder}: tensor {name!r} has shape {tuple(found)}, not {tuple(wanted)}"
        for name, found, wanted in sorted(report["mismatched_keys"])
    ]
    if faults:
        raise CheckpointError(*faults)
    return network


def _fill(empty: Any, heads: Iterator[StoredTensor]) -> tuple[Any, dict[str, Any]]:
    # `transformers` itself knows the names that its older versions wrote, and which weights are shared.
    filled: tuple[Any, dict[str, Any]] = type(empty).from_pretrained(
        None,
        config=empty.config,
        state_dict={stored.name: stored.tensor for stored in heads},
        device_map="meta",
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    return filled


def _heads(folder: Path) -> Iterator[StoredTensor]:
    """Names and shapes of what is stored, from the files that `transformers` would take."""
    is_pickled = any(folder.glob("pytorch_model*")) and not any(folder.glob("model*.safetensors*"))
    if is_pickled:
        return read_pickled(folder, "pytorch_model", META)
    return read_safetensors(folder, "model", META)


def _load_tokenizer(folder: Path) -> Any:
    for file in sorted(folder.glob("tokenizer*.json")):
        read_json(file)
    file = folder / "tokenizer.json"
    try:
        return made_from(file, lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True))
    except CheckpointError as error:
        if file.exists():
            raise
        raise CheckpointError(f"{file} is missing, and no other file makes a tokenizer") from error
