"""What an image encoder reads of a prompt, and answers brought to that size."""

from collections.abc import Callable
from dataclasses import dataclass

from model.language.cleaning import before, clean
from model.language.cutting import cut
from model.language.settings import GenerationSettings
from model.language.wording import plain
from model.language.writing import Beautified, BeautifyRequest, Writing
from model.text_encoder import MAX_TOKENS

#: Tokens that a word is taken for when no image encoder is at hand to count them.
TOKENS_PER_WORD = 2


@dataclass(frozen=True)
class Limit:
    """The longest text, its template included, that the encoder of an image model reads to the end."""

    #: Tokens of a text by the encoder's own tokenizer.
    count_tokens: Callable[[str], int] | None = None
    max_tokens: int = MAX_TOKENS

    def fits(self, request: BeautifyRequest, text: str) -> bool:
        """Whether all of a text is read in the template of the request."""
        filled = request.fill(text)
        if self.count_tokens is None:
            return TOKENS_PER_WORD * len(filled.split()) <= self.max_tokens
        return self.count_tokens(filled) <= self.max_tokens

    def is_reached(self, state: Writing) -> bool:
        """Whether more of an answer would be cut off again."""
        return not self.fits(state.request, _begin(state, state.text)) and not self.fits(
            state.request, _begin(state, clean(state.text))
        )

    def beautified(self, state: Writing, settings: GenerationSettings) -> Beautified:
        """What became of the prompt of an answer that is done."""
        if state.refusal is not None:
            return self.fall_back(state.request, state.refusal)
        answer = clean(before(state.text, settings.stop))
        if not answer:
            return self.fall_back(state.request, "the language model answered nothing")
        text = cut(_begin(state, answer), lambda part: self.fits(state.request, part), state.is_finished)
        if _bare(text) in ("", _bare(plain(state.request.prompt))):
            return self.fall_back(state.request, "the language model added nothing to the prompt")
        return Beautified(state.request.fill(text))

    def fall_back(self, request: BeautifyRequest, reason: str) -> Beautified:
        """The user's own prompt, cut if the template would be cut off otherwise."""
        prompt = plain(request.prompt)
        fitting = cut(prompt, lambda part: self.fits(request, part), is_finished=True)
        return Beautified(request.fill(fitting or prompt), reason)


def _begin(state: Writing, text: str) -> str:
    return f"{state.begun} {text.lstrip()}" if state.begun else text


def _bare(text: str) -> str:
    return text.strip(" .,;:-").casefold()
