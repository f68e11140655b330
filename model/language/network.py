"""A causal language model of `transformers`, resident on one device, evaluated a batch at a time."""

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from model.language.past import Layer, Past
from model.language.settings import GenerationSettings
from model.language.wording import tokenize
from model.residency import device_of, use


@dataclass(frozen=True)
class LanguageModel:
    """Network and tokenizer, and how they are used by default."""

    #: Its id, for example "smollm2-135m-instruct".
    name: str
    network: Any
    tokenizer: Any
    settings: GenerationSettings

    @property
    def device(self) -> torch.device:
        """Where the network is evaluated."""
        return device_of(self.network)

    @cached_property
    def end_tokens(self) -> frozenset[int]:
        """Ids that end an answer."""
        stated = self.network.generation_config.eos_token_id
        ends = stated if isinstance(stated, list) else [stated]
        return frozenset(token for token in [*ends, self.tokenizer.eos_token_id] if token is not None)

    @cached_property
    def num_context(self) -> int:
        """Tokens that it can read and write in all."""
        return getattr(self.network.config, "max_position_embeddings", None) or 2**31

    @cached_property
    def opening(self) -> tuple[list[int], list[Layer]]:
        """Tokens that nearly every text begins with, template and examples, and the keys and values of them.

        Raises ValueError for a network that has none: its memory cannot be joined with that of others.
        """
        kind = self.network.config.model_type
        if self.network._is_stateful:
            raise ValueError(f"a {kind} keeps a recurrent state, not keys and values")
        ids = tokenize("a", self.settings, self.tokenizer)
        past = Past.empty(1, self.device)
        tokens = torch.tensor([ids], device=self.device)
        past.mask = torch.ones_like(tokens)
        with torch.inference_mode():
            self.read(tokens, past.mask, past)
        if not past.cache.layers:
            raise ValueError(f"a {kind} keeps no keys and values")
        return ids, past.row(0)

    def read(self, tokens: Tensor, mask: Tensor, past: Past) -> Tensor:
        """Scores (B, V) of the token after `tokens` (B, n), fp32; their keys and values go into the cache.

        The mask (B, past + n) is 0 at padding. What a call leaves beyond the mask of `past` does not count.
        """
        use(self.network)
        past.trim()
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        optional = {
            "cache": past.cache,
            "past_key_values": past.cache,
            "position_ids": positions,
            "logits_to_keep": 1,
        }
        given = {name: value for name, value in optional.items() if name in self._parameters}
        logits = self.network(input_ids=tokens, attention_mask=mask, use_cache=True, **given).logits
        return logits[:, -1].float()

    @cached_property
    def _parameters(self) -> frozenset[str]:
        """What its `forward` takes; transformers has called the cache by two names."""
        return frozenset(inspect.signature(self.network.forward).parameters)
