"""Prompts to better prompts: many answers, each at its own token, in one evaluation of a language model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from model.language.cleaning import before
from model.language.limit import Limit
from model.language.network import LanguageModel
from model.language.past import Layer, Past, joined, repeated
from model.language.sampling import are_usable, choose, draw_uniform
from model.language.wording import answer_start, plain, tokenize
from model.language.writing import Beautified, BeautifyRequest, Writing
from model.text_encoder import MAX_TOKENS


@dataclass
class LanguagePipeline:
    """A language model, and the work that the engine gives it.

    An answer depends on its prompt and seed alone; batch-mates change no more than the rounding of scores.
    """

    model: LanguageModel
    #: Tokens of a text, by the tokenizer of the image encoder that is to read it; None: an estimate.
    count_tokens: Callable[[str], int] | None = None
    #: What that encoder reads at most.
    max_tokens: int = MAX_TOKENS
    _shared: tuple[list[int], list[Layer]] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.limit = Limit(self.count_tokens, self.max_tokens)

    @torch.inference_mode()
    def start(self, requests: Sequence[BeautifyRequest]) -> list[Writing]:
        """Reads all prompts in one batch, and writes the first token of each answer."""
        settings, tokenizer = self.model.settings, self.model.tokenizer
        texts = [tokenize(request.prompt, settings, tokenizer) for request in requests]
        states = [self._start(request, len(ids)) for request, ids in zip(requests, texts, strict=True)]
        waiting = [(state, ids) for state, ids in zip(states, texts, strict=True) if not state.is_done]
        if waiting:
            self._read([ids for _, ids in waiting], [state for state, _ in waiting])
        return states

    @torch.inference_mode()
    def step(self, states: Sequence[Writing]) -> None:
        """Writes one more token of every answer, none of which may be done."""
        past = self._past(states)
        tokens = torch.tensor([[state.answer[-1]] for state in states], device=self.model.device)
        mask = past.mask_with(torch.ones_like(tokens))
        self._write(states, self.model.read(tokens, mask, past), mask, past)

    def decode(self, states: Sequence[Writing]) -> list[Beautified]:
        """What became of the prompts of answers that are done."""
        return [self.limit.beautified(state, self.model.settings) for state in states]

    def preview(self, state: Writing) -> str:
        """The answer so far, as it is."""
        return state.begun + state.text

    def _start(self, request: BeautifyRequest, num_tokens: int) -> Writing:
        settings = self.model.settings
        begun = answer_start(request.prompt, settings)
        refusal = None
        if num_tokens + settings.max_new_tokens > self.model.num_context:
            refusal = f"the prompt is longer than {self.model.name} reads"
        elif not self.limit.fits(request, plain(request.prompt) + ","):
            refusal = f"the prompt alone fills the {self.max_tokens} tokens that the image encoder reads"
        return Writing(request, settings.max_new_tokens, begun, is_done=refusal is not None, refusal=refusal)

    def _read(self, texts: Sequence[list[int]], states: Sequence[Writing]) -> None:
        past = self._shared_past(texts)
        rows = [torch.tensor(ids[past.length :]) for ids in texts]
        tokens, ones = (
            pad_sequence(part, batch_first=True, padding_side="left").to(self.model.device)
            for part in (rows, [torch.ones_like(row) for row in rows])
        )
        mask = past.mask_with(ones)
        self._write(states, self.model.read(tokens, mask, past), mask, past)

    def _shared_past(self, texts: Sequence[list[int]]) -> Past:
        """The cache of what all texts begin with; template and examples are read once for all."""
        if self._shared is None:
            ids = tokenize("a", self.model.settings, self.model.tokenizer)
            past = Past.empty(1, self.model.device)
            tokens = torch.tensor([ids], device=self.model.device)
            past.mask = torch.ones_like(tokens)
            self.model.read(tokens, past.mask, past)
            self._shared = ids, past.row(0)
        ids, layers = self._shared
        length = min(_num_common(ids, text) for text in texts)
        return repeated(layers, length, len(texts)) if length else Past.empty(len(texts), self.model.device)

    def _past(self, states: Sequence[Writing]) -> Past:
        """The cache of a batch; that of the same batch as at the step before is not joined again."""
        first = states[0].past
        places = [(state.past, state.row) for state in states]
        if first is not None and places == [(first, row) for row in range(first.num_rows)]:
            return first
        return joined([past.row(row) for past, row in places if past is not None])

    def _write(self, states: Sequence[Writing], logits: Tensor, mask: Tensor, past: Past) -> None:
        usable = are_usable(logits)
        answers = [state.answer for state in states]
        draws = [draw_uniform(state.request.seed, state.num_done) for state in states]
        chosen = choose(logits, answers, draws, self.model.settings)
        past.mask = mask
        for row, (state, token) in enumerate(zip(states, chosen, strict=True)):
            state.past, state.row, state.is_finite = past, row, usable[row]
            self._append(state, token)
            if state.is_done:
                state.past = None

    def _append(self, state: Writing, token: int) -> None:
        if not state.is_finite or token in self.model.end_tokens:
            state.is_done = state.is_finished = True
            return
        state.answer.append(token)
        state.text = self.model.tokenizer.decode(state.answer, skip_special_tokens=True)
        state.is_finished = before(state.text, self.model.settings.stop) != state.text
        is_full = state.num_done == state.num_steps or self.limit.is_reached(state)
        state.is_done = state.is_finished or is_full


def beautify(pipeline: LanguagePipeline, requests: Sequence[BeautifyRequest]) -> list[Beautified]:
    """Expands prompts from beginning to end, in one batch."""
    states = pipeline.start(requests) if requests else []
    while waiting := [state for state in states if not state.is_done]:
        pipeline.step(waiting)
    return pipeline.decode(states)


def _num_common(shared: Sequence[int], text: Sequence[int]) -> int:
    """Tokens that a text has in common with what was read before; its last one is always read anew."""
    length = 0
    while length < min(len(shared), len(text) - 1) and shared[length] == text[length]:
        length += 1
    return length
