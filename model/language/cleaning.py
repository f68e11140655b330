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
#: What some models think before they answer; the template may have begun it, the limit may have cut it.
THOUGHT = re.compile(r"^.*</think>|<think>.*", re.DOTALL)
#: What answers a request.
POLITE = r"(?:sure|certainly|of course|absolutely|okay|конечно)"
#: "Sure!", "Sure, I can help you with that."
POLITE_SENTENCE = re.compile(
    rf"^\W*{POLITE}(?:,? (?:i|i['’]ll|i['’]d|let me)\b[^.!:\n]{{0,80}})?[.!]\s+", re.IGNORECASE
)
#: What was asked for.
PROMPT = r"(?:prompt|description|caption|version|промпт|описание)"
#: "Here is an expanded prompt for you:", "Image prompt:". A colon alone is as likely the prompt's own.
PREAMBLE = re.compile(
    rf"^\W*(?:{POLITE}\W+)?"
    rf"(?:(?:here(?:['’]s| is| are)|вот)\b[^:\n]{{0,120}}\b{PROMPT}\b[^:,\n]{{0,60}}"
    r"|(?:(?:the|an?|your|my|best|expanded|detailed|improved|final|new|image|text|to|enhanced)[ -])*"
    rf"{PROMPT}\s*):(?:\s+|$)",
    re.IGNORECASE,
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
    text = THOUGHT.sub("", answer).strip()
    text = OWN_TURN.sub("", _without_markers_at_start(text))
    text = before(text, stop)
    for end in (MARKERS, NEXT_TURN):
        text = end.split(text, maxsplit=1)[0]
    text = MARKUP.sub("", REMARK.split(text, maxsplit=1)[0])
    text = PREAMBLE.sub("", POLITE_SENTENCE.sub("", text))
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
