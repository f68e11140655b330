"""The content rules of a worker, and that every decision is counted and logged."""

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.worker.finishing.filters import RedFilter
from worker.engine.handle import SampleFailed
from worker.engine.sample import Pixels
from worker.finishing.rules import ANYTHING, ContentRules, obscure
from worker.jobs.words import Entry, WordList

RED, BLUE = (np.full((8, 8, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 255)))


@pytest.fixture
def rules() -> ContentRules:
    return ContentRules(WordList([Entry.parse("rats")]), RedFilter(), threshold=0.5)


def decisions(check: str, decision: str) -> float:
    labels = {"check": check, "decision": decision}
    return REGISTRY.get_sample_value("kandinsky_content_decisions_total", labels) or 0


def test_a_text_with_a_blocked_word_fails(rules: ContentRules) -> None:
    before = decisions("text", "blocked")
    with capture_logs() as lines, pytest.raises(SampleFailed) as caught:
        rules.check_text("many rats")
    assert caught.value.code == "content_filtered"
    assert "rats" not in caught.value.message
    assert (lines[0]["check"], lines[0]["decision"], lines[0]["entry"]) == ("text", "blocked", "rats")
    assert decisions("text", "blocked") == before + 1


def test_another_text_passes(rules: ContentRules) -> None:
    before = decisions("text", "passed")
    rules.check_text("many cats")
    assert decisions("text", "passed") == before + 1


@pytest.mark.parametrize(("picture", "decision", "score"), [(RED, "blocked", 1.0), (BLUE, "passed", 0.0)])
def test_a_picture_is_held_against_the_filter(
    rules: ContentRules, picture: Pixels, decision: str, score: float
) -> None:
    before = decisions("picture", decision)
    with capture_logs() as lines:
        assert rules.allows("picture", picture) is (decision == "passed")
    assert (lines[0]["decision"], lines[0]["score"]) == (decision, score)
    assert decisions("picture", decision) == before + 1


def test_the_threshold_is_not_shown() -> None:
    assert not ContentRules(picture_filter=RedFilter(), threshold=1).allows("picture", RED)


def test_without_rules_nothing_is_decided() -> None:
    with capture_logs() as lines:
        ANYTHING.check_text("rats")
        assert ANYTHING.allows("preview", RED)
    assert lines == []


def test_an_obscured_picture_has_the_colors_but_no_details(pixels: Pixels) -> None:
    obscured = obscure(pixels)
    assert obscured.shape == pixels.shape
    assert np.abs(obscured.mean((0, 1)) - pixels.mean((0, 1))).max() < 8
    assert np.abs(np.diff(obscured.astype(int), axis=1)).max() <= 4
