"""The list of blocked words: what is found, what is not, and what is no list."""

from pathlib import Path

import pytest

from worker.jobs.settings import JobSettings
from worker.jobs.words import BadWordList, Entry, WordList, load_words, read_words


@pytest.fixture(scope="module")
def shipped() -> WordList:
    words = load_words(JobSettings())
    assert words
    return words


def words(*entries: str) -> WordList:
    return WordList(map(Entry.parse, entries))


@pytest.mark.parametrize(
    "text",
    [
        "porn",
        "a PORNOGRAPHIC picture",
        "two nude women on a beach",
        "Порно, в стиле Климта",
        "обнажённая девушка у моря",
        "изнасилование",
        "a naked child",
        "голый ребёнок",
    ],
)
def test_the_shipped_list_blocks(shipped: WordList, text: str) -> None:
    assert shipped.find(text)


@pytest.mark.parametrize(
    "text",
    [
        "a tit bird on a branch",
        "blue tits and a great tit",
        "the town of Scunthorpe, Lincolnshire, in Essex and Sussex",
        "a cocktail in the cockpit, with a peacock and a cock of the rock",
        "Moby Dick by Charles Dickens, a pussy willow, a therapist's grapes and drapes",
        "a canal analysis of the class, assassins on a mass, a basement with shiitake",
        "nude lipstick, naked mole-rats, popcorn, rapeseed fields, Middlesex",
        "a Labrador bitch with her puppies, a donkey, a chink in the armor",
        "пробка на дороге, пробка от шампанского",
        "аналитика аналогичных каналов, бутылка с пробкой",
        "застрахуй корабля, хулиган, оскорблять, употреблять, рубля, мебель",
        "голый король, голубая девушка, голодная женщина, головной убор",
        "жидкий металл, жидкость, психология, похудение, посох, страховка",
        "сексуальность не тема, а секстант и сексология — науки",
        "член правительства, минута, пение, пенсия, гитара",
    ],
)
def test_the_shipped_list_lets_pass(shipped: WordList, text: str) -> None:
    assert shipped.find(text) is None


@pytest.mark.parametrize(
    "spelling",
    [
        "po\u200brn",
        "po\u00adrn",
        "\u202epor\u2060n",
        "ｐｏｒｎ",
        "𝐏𝐎𝐑𝐍",
        "pörn",
        "pоrn",  # a Cyrillic о
        "рorn",  # a Cyrillic р
        "p0rn",
        "_porn_",
        "po\x07rn",
        "po\x7frn",
        "po\u3164rn",  # a Korean letter that shows nothing
        "pørn",
    ],
)
def test_a_spelling_does_not_hide_a_word(spelling: str) -> None:
    assert words("porn").find(f"some {spelling}, please") == "porn"


@pytest.mark.parametrize("spelling", ["хуй", "ХУЙ", "xyй", "х\u200dуй", "ху\u0438\u0306", "xуй"])
def test_a_spelling_does_not_hide_a_russian_word(spelling: str) -> None:
    assert words("хуй").find(spelling) == "хуй"


def test_a_word_of_the_other_script_is_not_taken_for_its_look() -> None:
    assert words("pot").find("рот") is None


def test_only_an_open_word_has_endings() -> None:
    assert words("tit").find("titmouse, title") is None
    assert words("tit*").find("titmouse") == "tit*"


def test_the_words_of_a_phrase_follow_each_other() -> None:
    rule = words("severed head*")
    assert rule.find("a severed -- Heads!") == "severed head*"
    assert rule.find("a head, severed") is None
    assert rule.find("severed") is None


@pytest.mark.parametrize("gap", ["\u200b", "\ufeff", "\u200e", "\n", "\x85", "\x1f"])
def test_what_is_not_seen_does_not_join_the_words_of_a_phrase(gap: str) -> None:
    assert words("severed head*").find(f"a severed{gap}head") == "severed head*"


def test_the_first_entry_of_a_text_is_told() -> None:
    assert words("rats", "cats").find("cats and rats") == "cats"


def test_a_list_has_comments_and_empty_lines(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("# what follows\n\n  rats # and mice\n")
    assert read_words(file).find("# and rats") == "rats"
    assert read_words(file).find("mice") is None


def test_a_list_may_come_from_any_editor(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeffr\u0061\u0308ts\r\nblack \t cats\r\n", encoding="utf-8")
    assert read_words(file).find("RÄTS")
    assert read_words(file).find("black cats")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("po*rn", "should be words, each with a * at its end or none, got 'po*rn'"),
        ("*", "should be words"),
        ("rats!", "should be words"),
        ("пopно", "should have words of Latin or of Cyrillic letters, got 'пopно'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "words.txt"
    file.write_text(f"rats\n{line}\n", encoding="utf-8")
    with pytest.raises(BadWordList) as caught:
        read_words(file)
    assert str(caught.value).startswith(f"{file}: line 2 {says}")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadWordList, match=f"the blocked words in {file} cannot be read"):
        read_words(file)


def test_the_settings_choose_the_list(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("apple*")
    chosen = load_words(JobSettings(blocked_words_file=file))
    assert chosen
    assert chosen.find("porn with apples") == "apple*"


def test_the_settings_may_want_none(tmp_path: Path) -> None:
    assert load_words(JobSettings(prompt_filter=False, blocked_words_file=tmp_path / "none")) is None
