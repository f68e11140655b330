"""What a model said, down to the prompt in it: no chat markers, no politeness, no quotation marks."""

import re
from collections.abc import Sequence

from model.language.wording import MARKERS, one_line

#: A speaker's name, as chats have it: before a turn.
SPEAKER = r"(?:assistant|user|system|human|ai|bot|ассистент|пользователь)"
#: Where the next turn begins.
NEXT_TURN = re.compile(rf"(?:^|\n)\W*{SPEAKER}\s*:", re.IGNORECASE)
#: What a turn begins with.
OWN_TURN = re.compile(rf"^\W*(?:{SPEAKER}\s*:|(?:assistant|ассистент)\s*\n)\s*", re.IGNORECASE)
#: "Sure! Here is an expanded prompt for you:" and what else is said before the prompt.
PREAMBLE = re.compile(
    r"^\W*(?:(?:sure|certainly|of course|absolutely|okay|ok|great|конечно)\b[^:\n]{0,120}:"
    r"|here(?:'s|’s| is| are)\b[^:\n]{0,120}:"
    r"|вот\b[^:\n]{0,120}:"
    r"|(?:(?:the|an?|your|my|best|expanded|detailed|improved|final|new|image|text|to|enhanced)[ -])*"
    r"(?:prompt|description|caption|промпт|описание)\s*:)\s*",
    re.IGNORECASE,
)
#: A polite sentence without a colon, on its own line.
POLITE_LINE = re.compile(
    r"^\W*(?:sure|certainly|of course|absolutely|okay|ok|конечно)\b[^:\n]{0,40}[.!]\s*\n", re.IGNORECASE
)
#: What is said of the prompt after it.
REMARK = re.compile(
    r"\n\s*\W*(?:note|explanation|this prompt|i hope|let me know|please|i made)\b", re.IGNORECASE
)
#: Bullets and numbers of lists, and emphasis.
MARKUP = re.compile(r"(?m)^\s*(?:[-*•]|\d+[.)])\s+|\*\*|__|`+")
QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“"}


def clean(answer: str, stop: Sequence[str] = ()) -> str:
    """The prompt in an answer, in one line; empty when there is none.

    Only the first turn counts, up to any of the `stop` texts.
    """
    text = OWN_TURN.sub("", _without_markers_at_start(answer.strip()))
    text = before(text, stop)
    for end in (MARKERS, NEXT_TURN):
        text = end.split(text, maxsplit=1)[0]
    text = PREAMBLE.sub("", POLITE_LINE.sub("", text))
    text = MARKUP.sub("", REMARK.split(text, maxsplit=1)[0])
    text = _unquoted(one_line(text.replace("\ufffd", " ")))
    return text if any(c.isalnum() for c in text) else ""


def before(text: str, stop: Sequence[str]) -> str:
    """The part of a text that precedes the first of the stop texts in it."""
    return text[: min((place for s in stop if (place := text.find(s)) >= 0), default=len(text))]


def _without_markers_at_start(text: str) -> str:
    while found := MARKERS.match(text):
        text = text[found.end() :].lstrip()
    return text


def _unquoted(text: str) -> str:
    """Without the quotation marks around all of it, or one that was never closed."""
    while text and text[0] in QUOTES:
        end = text.find(QUOTES[text[0]], 1)
        if 0 <= end < len(text) - 1:
            return text  # only its first words are quoted
        text = text[1 : end if end > 0 else None].strip()
    return text
