"""A prompt that is being expanded: what is asked, how far it is, and what comes of it."""

from dataclasses import dataclass, field

from model.language.past import Past
from model.language.settings import PLACE
from model.language.wording import filled


@dataclass(frozen=True)
class BeautifyRequest:
    """A prompt to expand. Raises ValueError for one without words, and for a template without a place."""

    prompt: str
    seed: int
    #: The style; the answer is put in place of "{prompt}".
    template: str = PLACE

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise ValueError("prompt has no words in it")
        if PLACE not in self.template:
            raise ValueError(f"template has no {PLACE} in it")

    def fill(self, text: str) -> str:
        """The template with a text in it."""
        return filled(self.template, text)

    def begin(self, text: str) -> str:
        """The template up to the end of a text in it."""
        return self.template.partition(PLACE)[0] + text


@dataclass(frozen=True)
class Beautified:
    """What became of a prompt."""

    #: Never empty; in its template.
    text: str
    #: Why it is the user's own prompt; None when the model has expanded it.
    fallback: str | None = None


@dataclass
class Writing:
    """One answer in the making. `LanguagePipeline.step` alone changes it."""

    request: BeautifyRequest
    #: Most tokens that it takes; it may be done earlier.
    num_steps: int
    #: What the model was told to begin with.
    begun: str = ""
    #: Ids of what it wrote after that.
    answer: list[int] = field(default_factory=list)
    #: The same in words.
    text: str = ""
    is_done: bool = False
    #: Whether it ended by itself, and not at a limit.
    is_finished: bool = False
    #: False when the network has produced infinities or NaN.
    is_finite: bool = True
    #: Why there was nothing to write.
    refusal: str | None = None
    #: What was read for it, a row of its batch's.
    past: Past | None = None
    row: int = 0

    @property
    def num_done(self) -> int:
        """Tokens written so far."""
        return len(self.answer)
