"""What an image encoder reads of a prompt, and answers brought to that size."""

from collections.abc import Callable
from dataclasses import dataclass

from model.language.cleaning import before, clean
from model.language.cutting import cut
from model.language.settings import GenerationSettings
from model.language.wording import plain
from model.language.writing import Beautified, BeautifyRequest, Writing
from model.text_encoder import MAX_TOKENS

#: Bytes that are taken for a token when no image encoder is at hand to count them.
BYTES_PER_TOKEN = 3


@dataclass(frozen=True)
class Limit:
    """How much the encoder of an image model reads, and what becomes of texts by that."""

    #: Tokens of a text by the encoder's own tokenizer.
    count_tokens: Callable[[str], int] | None = None
    max_tokens: int = MAX_TOKENS

    def fits(self, request: BeautifyRequest, text: str) -> bool:
        """Whether all of a text is read, with its whole style or else within half of the tokens.

        Of a style that takes more than the other half the end is not read.
        """
        num_begun = self._count(request.begin(text))
        return 2 * num_begun <= self.max_tokens or self._count(request.fill(text)) <= self.max_tokens

    def refusal(self, request: BeautifyRequest) -> str | None:
        """Why a language model need not be asked, if so."""
        prompt = plain(request.prompt)
        if not prompt:
            return "the prompt has nothing but chat markers in it"
        if self.fits(request, f"{prompt},"):
            return None
        is_long = self._count(f"{prompt},") > self.max_tokens
        filling = "the prompt alone fills" if is_long else "prompt and style fill"
        return f"{filling} {self._reading}"

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
        # What was begun is the user's, and stays whole.
        kept = cut(answer, lambda part: self.fits(state.request, _begin(state, part)), state.is_finished)
        text = _begin(state, kept)
        if not kept:
            return self.fall_back(
                state.request, f"nothing that the language model added fits {self._reading}"
            )
        if _bare(text) == _bare(plain(state.request.prompt)):
            return self.fall_back(state.request, "the language model added nothing to the prompt")
        return Beautified(state.request.fill(text))

    def fall_back(self, request: BeautifyRequest, reason: str) -> Beautified:
        """The user's own prompt, whole: what comes last is what an encoder leaves out."""
        return Beautified(request.fill(plain(request.prompt) or request.prompt), reason)

    @property
    def _reading(self) -> str:
        return f"the {self.max_tokens} tokens that the image encoder reads"

    def _count(self, text: str) -> int:
        if self.count_tokens is None:
            return len(text.encode()) // BYTES_PER_TOKEN
        return self.count_tokens(text)


def _begin(state: Writing, text: str) -> str:
    return f"{state.begun} {text.lstrip()}" if state.begun else text


def _bare(text: str) -> str:
    return text.strip(" .,;:-").casefold()
