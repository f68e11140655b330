"""How much memory the evaluation of a network takes beside its weights, counted without running it."""

import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, PretrainedConfig, T5Config, T5EncoderModel

from model.layers import AttentionBlock
from model.movq import MoVQ, MoVQConfig
from model.superres import SuperResConfig, SuperResUNet
from model.text_encoder import MAX_TOKENS
from model.unet import TextFeatures, UNet, UNetConfig
from model.weights import Network, build

#: Rows of a guided sample.
GUIDED_ROWS = 2
#: Prompts that a language model is given at a time, and tokens of each, its answer included.
PROMPTS, PROMPT_TOKENS = 8, 512


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of all tensors that are made while it is active, until nothing refers to them.

    On the meta device nothing is computed, but the count is the same. What kernels take for themselves is not
    seen, such as copies that transposed convolutions make on a CPU.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        #: The most bytes that were alive at a time.
        self.peak = 0
        self._known: weakref.WeakSet[UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self._known.update(_storages((args, kwargs)))  # weights and inputs were there before
        made = func(*args, **kwargs)
        for storage in _storages(made):
            self._count(storage)
        return made

    def _count(self, storage: UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, num_bytes: int) -> None:
        self.live -= num_bytes


def on_meta(make: Callable[[], Network], dtype: torch.dtype) -> Network:
    """A network of a number format on the meta device, without weights."""
    return build(make).to(dtype)


@torch.inference_mode()
def peak_bytes(evaluate: Callable[[], object]) -> int:
    """The most bytes that tensors made by an evaluation on the meta device would take at a time."""
    with PeakMemory() as memory, torch.device("meta"):
        evaluate()
    return memory.peak


@cache
def unet_bytes(config: UNetConfig, dtype: torch.dtype, side: int, rows: int = GUIDED_ROWS) -> int:
    """Of a step at latents of `side` x `side`."""
    unet = on_meta(lambda: UNet(config), dtype)

    def step() -> Tensor:
        layers = [m.attention for m in unet.modules() if isinstance(m, AttentionBlock) and m.is_cross]
        width = sum(layer.to_k.out_features + layer.to_v.out_features for layer in layers)
        pooled = torch.empty(rows, config.time_embed_dim, dtype=dtype)
        text = TextFeatures(pooled, torch.empty(rows, MAX_TOKENS, width, dtype=dtype), (MAX_TOKENS,) * rows)
        return unet(torch.empty(rows, config.in_channels, side, side, dtype=dtype), torch.empty(rows), text)

    return peak_bytes(step)


@cache
def movq_bytes(config: MoVQConfig, dtype: torch.dtype, side: int) -> int:
    """Of decoding or encoding one picture of `side` x `side` pixels, whichever takes more."""
    movq = on_meta(lambda: MoVQ(config), dtype)
    latent = (1, config.latent_channels, side // config.stride, side // config.stride)
    return max(
        peak_bytes(lambda: movq.decode(torch.empty(latent, dtype=dtype))),
        peak_bytes(lambda: movq.encode(torch.empty(1, 3, side, side, dtype=dtype))),
    )


@cache
def superres_bytes(config: SuperResConfig, dtype: torch.dtype, side: int) -> int:
    """Of a step at one window of `side` x `side` pixels."""
    network = on_meta(lambda: SuperResUNet(config), dtype)

    def step() -> Tensor:
        window = torch.empty(1, config.channels, side, side, dtype=dtype)
        return network(window, torch.empty(1), window)

    return peak_bytes(step)


def encoder_bytes(config: T5Config, dtype: torch.dtype, rows: int = GUIDED_ROWS) -> int:
    """Of a T5 encoder at prompts of the most tokens."""
    network = on_meta(lambda: T5EncoderModel(config), dtype)
    return peak_bytes(lambda: network(input_ids=torch.zeros(rows, MAX_TOKENS, dtype=torch.long)))


def language_bytes(config: PretrainedConfig, dtype: torch.dtype) -> int:
    """Of a causal language model of `transformers` that reads its prompts, with what it keeps of them."""
    network = on_meta(lambda: AutoModelForCausalLM.from_config(config), dtype)

    def read() -> object:
        positions = torch.zeros(PROMPTS, PROMPT_TOKENS, dtype=torch.long)
        # Kernels of attention make a mask of fractions of any other.
        mask = torch.ones(PROMPTS, 1, PROMPT_TOKENS, PROMPT_TOKENS, dtype=dtype)
        return network(input_ids=positions, position_ids=positions, attention_mask=mask, logits_to_keep=1)

    return peak_bytes(read)


def _storages(values: object) -> list[UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
