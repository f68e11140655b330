"""The words of a text, whatever case, accents, hidden characters and look-alike letters spell them."""

import re
import unicodedata
from collections.abc import Iterator

_find_words = re.compile(r"[^\W_]+").findall
is_of_one_script = re.compile("[a-z]+|[а-я]+|[0-9]+").fullmatch
#: Marks over letters.
_MARKS = frozenset({"Mn", "Me"})
#: Characters that take no room, those that control nothing but terminals included.
_UNSEEN = frozenset({"Cf", "Cc"})
#: Controls that begin a new line or leave a gap.
_GAPS = frozenset("\t\n\f\r\x85")
#: Letters that show nothing: those that stand for a missing part of a Korean syllable.
_BLANK = frozenset("\u115f\u1160")
#: What a character is taken for in a word of the other script.
_AS_LATIN = str.maketrans(
    "авекмнорстухіјѕһԁӏαεικνορτυχıøłđɡ013457", "abekmhopctyxijshdlaeiknoptuxioldgoieast"
)
_AS_CYRILLIC = str.maketrans("abcehikmnoprtuxy0346", "авсеникмпоргтихуозчб")


def readings(text: str) -> Iterator[list[str]]:
    """The words of a text as they stand; if some mix scripts, also as they look in Latin, and in Cyrillic.

    A character that is not seen may be within a word, or between two: the text is read both ways.
    """
    joined, parted = plain_words(text), plain_words(text, unseen=" ")
    for words in (joined,) if joined == parted else (joined, parted):
        yield words
        if not all(map(is_of_one_script, words)):
            for look in (_AS_LATIN, _AS_CYRILLIC):
                yield [word if is_of_one_script(word) else word.translate(look) for word in words]


def plain_words(text: str, unseen: str = "") -> list[str]:
    """The words of a text in small letters, without accents, and with `unseen` for what is not seen."""
    is_plain = text.isascii() and text.isprintable()
    return _find_words(text.lower() if is_plain else _plain(text, unseen))


def _plain(text: str, unseen: str) -> str:
    # Capitals that are only compatible with letters are known as capitals once they are letters.
    small = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(_seen(character, unseen) for character in small)


def _seen(character: str, unseen: str) -> str:
    category = unicodedata.category(character)
    if category in _MARKS:
        return ""
    is_unseen = category in _UNSEEN and character not in _GAPS
    return unseen if is_unseen or character in _BLANK else character
