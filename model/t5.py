"""The T5 encoder and its tokenizer, from the files of either layout."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, T5Config, T5EncoderModel
from transformers.utils import logging as transformers_logging

from model.int8 import assign_int8
from model.text_encoder import EOS, MAX_TOKENS, PromptEncoder
from model.weights import (
    CheckpointError,
    StoredTensor,
    assign,
    build,
    fill,
    made_from,
    read_json,
    read_pickled,
    read_safetensors,
)

transformers_logging.set_verbosity_error()

#: The embedding, which either name or both may be stored under.
EMBEDDING = ("shared.weight", "encoder.embed_tokens.weight")
#: Ends the names of the weights whose products are too large for float16.
LARGE_PRODUCTS = ".wo.weight"


def load_prompt_encoder(
    folder: Path, tokenizer: Path, device: torch.device, dtype: torch.dtype | None, *, is_int8: bool = False
) -> PromptEncoder:
    """Loads encoder and tokenizer. Raises CheckpointError, also when they do not belong together."""
    file = folder / "config.json"
    config = read_json(file)
    if config.get("model_type") != "t5":
        raise CheckpointError(f"{file}: model_type is {config.get('model_type')!r}, not 't5'")
    network = made_from(file, lambda: build(lambda: build_encoder(T5Config.from_dict(config))))
    put = assign_int8 if is_int8 else assign

    def put_as(owner: nn.Module, name: str, tensor: Tensor) -> None:
        put(owner, name, tensor.to(_format(name, dtype) or tensor.dtype))

    fill(network, _tensors(folder, device), None, folder, put_as)
    loaded = made_from(tokenizer, lambda: load_tokenizer(tokenizer))
    num_rows = len(network.get_parameter(EMBEDDING[0]))
    if len(loaded) > num_rows:
        raise CheckpointError(f"{tokenizer} has {len(loaded)} tokens, but {folder} only {num_rows}")
    return PromptEncoder(loaded, network, min(MAX_TOKENS, loaded.model_max_length))


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder. Raises CheckpointError."""
    if not (folder / "tokenizer_config.json").exists():
        raise CheckpointError(f"{folder / 'tokenizer_config.json'} is missing")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if tokenizer("a")["input_ids"][-1:] != [EOS]:
        raise CheckpointError(f"{folder}: it does not end a text with token {EOS}, as T5's does")
    if tokenizer.model_max_length < 1:
        raise CheckpointError(f"{folder}: model_max_length is {tokenizer.model_max_length}")
    return tokenizer


def build_encoder(config: T5Config) -> T5EncoderModel:
    """An encoder, without its weights when called by `build`."""
    network = T5EncoderModel(config)
    network.set_input_embeddings(network.shared)  # one module under both names of the embedding
    return network


def _format(name: str, dtype: torch.dtype | None) -> torch.dtype | None:
    """The format of a weight in an encoder of another; `transformers` multiplies in it, and adds in fp32."""
    return torch.float32 if dtype is torch.float16 and name.endswith(LARGE_PRODUCTS) else dtype


def _tensors(folder: Path, device: torch.device) -> Iterator[StoredTensor]:
    """Tensors of the encoder, its embedding once; a whole T5 has those of a decoder too."""
    seen = False
    for stored in _stored(folder, device):
        if stored.name in EMBEDDING:
            if not seen:
                yield replace(stored, name=EMBEDDING[0])
            seen = True
        elif stored.name.startswith("encoder."):
            yield stored


def _stored(folder: Path, device: torch.device) -> Iterator[StoredTensor]:
    if any(folder.glob("pytorch_model*")) and not any(folder.glob("model*.safetensors*")):
        return read_pickled(folder, "pytorch_model", device)
    return read_safetensors(folder, "model", device)
