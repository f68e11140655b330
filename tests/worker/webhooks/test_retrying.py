"""When a message is sent again."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from worker.webhooks.retrying import RetryRules

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEADY = RetryRules(jitter=0)


def pause(attempt: int, retry_after: float | None = None, rules: RetryRules = STEADY) -> float:
    following = rules.next_attempt_at(NOW, NOW, attempt, retry_after)
    assert following is not None
    return (following - NOW).total_seconds()


def test_pauses_grow_to_hours() -> None:
    assert [pause(attempt) for attempt in range(1, 11)] == [
        *(5, 15, 45, 135, 405, 1215, 3645, 10935),
        *(14400, 14400),
    ]


def test_pauses_differ_by_a_fifth_at_most() -> None:
    pauses = [pause(2, rules=RetryRules()) for _ in range(100)]
    assert 12 <= min(pauses) < max(pauses) <= 18


@pytest.mark.parametrize(("asked", "given"), [(3, 5), (60, 60), (10**9, 4 * 3600), (-5, 5)])
def test_a_receiver_may_ask_for_longer(asked: float, given: float) -> None:
    assert pause(1, retry_after=asked) == given


def test_it_is_tried_for_a_day() -> None:
    now, attempts = NOW, count(1)
    while (following := STEADY.next_attempt_at(now, NOW, next(attempts), None)) is not None:
        now = following
    assert timedelta(hours=18) < now - NOW <= timedelta(hours=24)
