"""Encoded prompts on their way from a text encoder in one worker to the networks in another."""

from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from worker.engine.handle import SampleFailed

#: Begins the name of every tensor, the rest of which is the prompt: a name must not be `__metadata__`.
MARK = ":"


def pack_states(states: Mapping[str, Tensor]) -> bytes:
    """The states (n, C) of prompts as a safetensors file."""
    return save({MARK + text: tensor.contiguous().cpu() for text, tensor in states.items()})


def unpack_states(content: bytes | None) -> dict[str, Tensor] | None:
    """The states by their prompts; None for none. Raises SampleFailed for bytes that hold no states."""
    if content is None:
        return None
    try:
        return {name.removeprefix(MARK): tensor for name, tensor in load(content).items()}
    except SafetensorError as error:
        raise SampleFailed("internal", "what the text encoder has left cannot be read") from error
