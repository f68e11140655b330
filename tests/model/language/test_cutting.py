import pytest

from model.language.cutting import cut

TEXT = "A red apple. It lies on a wooden table, in soft light"


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (100, TEXT),
        (53, TEXT),
        (52, "A red apple. It lies on a wooden table"),
        (35, "A red apple. It lies on a wooden"),
        (28, "A red apple. It lies"),
        (20, "A red apple."),
        (12, "A red apple."),
        (11, "A red"),
        (4, ""),
        (0, ""),
    ],
)
def test_text_ends_where_a_reader_would_end_it(limit: int, kept: str) -> None:
    assert cut(TEXT, lambda text: len(text) <= limit, is_finished=True) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TEXT, "A red apple. It lies on a wooden table"),
        ("A red apple on a wooden tab", "A red apple on a wooden"),
        ("A red apple on a tab", "A red apple"),
        ("A red apple, in the style of an old", "A red apple, in the style"),
        ("apple", "apple"),
    ],
)
def test_answer_that_never_ended_loses_its_last_part(text: str, kept: str) -> None:
    assert cut(text, lambda _: True, is_finished=False) == kept


def test_no_word_is_cut() -> None:
    assert cut("beautiful light", lambda text: len(text) <= 5, is_finished=True) == ""


def test_text_without_spaces_is_cut_by_letters() -> None:
    assert cut("苹果在木桌上", lambda text: len(text) <= 3, is_finished=True) == "苹果在"
