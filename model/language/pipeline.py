"""Prompts to better prompts: many answers, each at its own token, in one evaluation of a language model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from model.language.cleaning import before
from model.language.limit import Limit
from model.language.network import LanguageModel
from model.language.past import Past, joined, shortened
from model.language.sampling import are_usable, choose, draw_uniform
from model.language.wording import answer_start, tokenize
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
        begun = answer_start(request.prompt, settings, self.model.tokenizer)
        refusal = self.limit.refusal(request)
        if num_tokens + settings.max_new_tokens > self.model.num_context:
            refusal = f"the prompt is longer than {self.model.name} reads"
        return Writing(request, settings.max_new_tokens, begun, is_done=refusal is not None, refusal=refusal)

    def _read(self, texts: Sequence[list[int]], states: Sequence[Writing]) -> None:
        """Reads what no text has in common with the opening; a row's padding comes before all of it."""
        opening, layers = self.model.opening
        num_read = max(len(ids) - _num_common(opening, ids) for ids in texts)
        past = joined([shortened(layers, max(0, len(ids) - num_read)) for ids in texts])
        rows = [torch.tensor(ids[-num_read:]) for ids in texts]
        tokens, ones = (
            pad_sequence(part, batch_first=True, padding_side="left").to(self.model.device)
            for part in (rows, [torch.ones_like(row) for row in rows])
        )
        mask = past.mask_with(ones)
        self._write(states, self.model.read(tokens, mask, past), mask, past)

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


def _num_common(opening: Sequence[int], text: Sequence[int]) -> int:
    """Tokens that a text has in common with the opening; its last one is always read anew."""
    length = 0
    while length < min(len(opening), len(text) - 1) and opening[length] == text[length]:
        length += 1
    return length
