"""The list of words that no picture is to be made of."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Self

from worker.jobs.settings import JobSettings
from worker.jobs.spelling import is_of_one_script, plain_words, readings

SHIPPED = "blocked_words.txt"
_is_phrase = re.compile(r"[^\W_]+\*?([\s-]+[^\W_]+\*?)*").fullmatch


class BadWordList(Exception):
    """A list of words cannot be used; the message is one line that names the file, and the line in it."""


@dataclass(frozen=True)
class Word:
    """A word of an entry; an open one stands for every word that begins like it."""

    stem: str
    is_open: bool

    def matches(self, word: str) -> bool:
        """Whether it stands for a plain word."""
        return word.startswith(self.stem) if self.is_open else word == self.stem


@dataclass(frozen=True)
class Entry:
    """A word, or several that follow each other."""

    #: As it was written.
    text: str
    words: tuple[Word, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what is on one line. Raises ValueError, which says what should be there."""
        if not _is_phrase(unicodedata.normalize("NFC", text)):
            raise ValueError(f"should be words, each with a * at its end or none, got {text!r}")
        words = tuple(_parse_word(part) for part in re.split(r"[\s-]+", text))
        return cls(text, words)

    def begins(self, words: list[str], at: int) -> bool:
        """Whether it stands at a place of plain words."""
        there = words[at : at + len(self.words)]
        return len(there) == len(self.words) and all(map(Word.matches, self.words, there))


class WordList:
    """Entries, as they are found in any text."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        #: By the beginning of their first word that must be there.
        self._entries: dict[str, list[Entry]] = {}
        for entry in entries:
            self._entries.setdefault(entry.words[0].stem, []).append(entry)
        self._lengths = sorted({len(stem) for stem in self._entries})

    def find(self, text: str) -> str | None:
        """The first entry in a text, as it was written; None if there is none in it."""
        return next((entry.text for words in readings(text) for entry in self._find_in(words)), None)

    def _find_in(self, words: list[str]) -> Iterator[Entry]:
        for at, word in enumerate(words):
            for stem in (word[:length] for length in self._lengths if length <= len(word)):
                yield from (entry for entry in self._entries.get(stem, ()) if entry.begins(words, at))


def load_words(settings: JobSettings) -> WordList | None:
    """The list that the settings name, or the shipped one; None if they want none. Raises BadWordList."""
    if not settings.prompt_filter:
        return None
    return read_words(settings.blocked_words_file or Path(str(files("worker.jobs") / SHIPPED)))


def read_words(path: Path) -> WordList:
    """The list in a file: an entry a line, comments from `#` on. Raises BadWordList."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadWordList(f"the blocked words in {path} cannot be read: {error}") from error
    return WordList(_read_entries(path, lines))


def _read_entries(path: Path, lines: Iterable[str]) -> Iterator[Entry]:
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            yield Entry.parse(text)
        except ValueError as error:
            raise BadWordList(f"{path}: line {number} {error}") from error


def _parse_word(text: str) -> Word:
    stem = "".join(plain_words(text))
    if not is_of_one_script(stem):
        raise ValueError(f"should have words of Latin or of Cyrillic letters, got {text!r}")
    return Word(stem, is_open=text.endswith("*"))
