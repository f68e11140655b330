"""The content rules, as far as texts and pictures are held against them that were made here."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import structlog
from PIL import Image

from worker import metrics
from worker.engine.handle import SampleFailed
from worker.engine.sample import Pixels
from worker.jobs.words import WordList

#: Pixels along the sides of what is left of a censored picture before it is enlarged again.
LEFT = 4

logger = structlog.get_logger(__name__)


class Scoring(Protocol):
    """What tells pictures that are for everybody from others."""

    def score(self, pixels: Pixels) -> float:
        """How sure it is that a picture (H, W, 3) is not for everybody, from 0 to 1."""
        ...


@dataclass(frozen=True)
class ContentRules:
    """What is not to be said or shown; without a list or a filter everything may be."""

    words: WordList | None = None
    picture_filter: Scoring | None = None
    #: The score at which a picture is not shown.
    threshold: float = 1

    def check_text(self, text: str) -> None:
        """Raise SampleFailed for a text that a language model should not have written."""
        if self.words is None:
            return
        entry = self.words.find(text)
        _record("text", is_blocked=entry is not None, entry=entry)
        if entry is not None:
            message = "what the language model made of the prompt is not allowed by the content rules"
            raise SampleFailed("content_filtered", message)

    def allows(self, check: Literal["picture", "preview"], pixels: Pixels) -> bool:
        """Whether a picture (H, W, 3) may be shown."""
        if self.picture_filter is None:
            return True
        score = self.picture_filter.score(pixels)
        is_blocked = score >= self.threshold
        _record(check, is_blocked=is_blocked, score=round(score, 3))
        return not is_blocked


#: Everything may be said and shown.
ANYTHING = ContentRules()


def obscure(pixels: Pixels) -> Pixels:
    """The colors of a picture (H, W, 3), and nothing else of it."""
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels).resize((LEFT, LEFT), Image.Resampling.BOX)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def _record(check: metrics.ContentCheck, *, is_blocked: bool, **reason: object) -> None:
    decision: metrics.ContentDecision = "blocked" if is_blocked else "passed"
    metrics.CONTENT_DECISIONS.labels(check, decision).inc()
    logger.info("content decision", check=check, decision=decision, **reason)
