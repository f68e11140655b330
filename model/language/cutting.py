"""Texts cut where a reader would cut them."""

import re
from collections.abc import Callable, Sequence

#: Where a sentence, or else a part of one, ends.
SENTENCE, PART = re.compile(r"[.!?…](?=\s|$)"), re.compile(r"[,;:](?=\s|$)")
#: Words that promise another one.
ARTICLES, PRONOUNS = {"a", "an", "the"}, {"its", "his", "her", "their"}
PREPOSITIONS = {"of", "in", "on", "at", "with", "by", "to", "for", "from", "into", "as", "в", "на", "с", "из"}
OPEN_WORDS = ARTICLES | PRONOUNS | PREPOSITIONS | {"and", "or", "и"}
#: How much of a text may go to end it at a sentence or at a part of one.
LOSS = 0.5


def cut(text: str, fits: Callable[[str], bool], is_finished: bool) -> str:
    """The longest beginning of a text that fits, empty if none does.

    What was cut, or was never finished, ends with a whole sentence or a part of one if that keeps half of
    the words, else with a word.
    """
    kept = text if fits(text) else _longest(text, fits)
    if kept == text and is_finished:
        return text
    return _tidy(_rounded(kept, complete=is_finished or kept != text))


def _longest(text: str, fits: Callable[[str], bool]) -> str:
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    words = _last_fitting(text, ends, fits)
    return words or _last_fitting(text, [i for i, c in enumerate(text, start=1) if _is_word(c)], fits)


def _is_word(letter: str) -> bool:
    """Whether a text may end after a letter, as in scripts without spaces; none of these has capitals."""
    return letter.isalpha() and letter.lower() == letter.upper()


def _last_fitting(text: str, ends: Sequence[int], fits: Callable[[str], bool]) -> str:
    """By bisection, as a longer text has no fewer tokens but for a merge at its end."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[: ends[middle - 1]]) else (low, middle - 1)
    return text[: ends[low - 1]] if low else ""


def _rounded(text: str, complete: bool) -> str:
    for end in (SENTENCE, PART):
        places = [found.end() for found in end.finditer(text)]
        if places and places[-1] >= LOSS * len(text):
            return text[: places[-1]]
    # The last word may be half a word, if nobody knows how it was to go on.
    return text if complete or " " not in text else text.rpartition(" ")[0]


def _tidy(text: str) -> str:
    words = text.rstrip(" ,;:-–—").split(" ")
    while words and words[-1].lower() in OPEN_WORDS:
        words.pop()
    return " ".join(words).rstrip(" ,;:-–—")
