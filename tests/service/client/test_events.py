"""Server-sent events, line by line."""

from service.client import ServerEvent, parse_events


def test_comments_and_retry_lines_are_not_events() -> None:
    lines = [": ping", "", "event: progress", 'data: {"step":1}', "id: 1-0", "retry: 9", "", ": ping", ""]
    assert list(parse_events(lines)) == [ServerEvent("progress", "1-0", {"step": 1})]


def test_the_last_event_is_the_status_of_an_end() -> None:
    ends = [ServerEvent(kind, "1-0", {"status": status}).is_last for kind, status in STORY]
    assert ends == [False, False, True]


STORY = [("output", "succeeded"), ("status", "running"), ("status", "succeeded")]
