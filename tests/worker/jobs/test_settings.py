"""Shared settings."""

import pytest
from pydantic import ValidationError

from worker.jobs.settings import JobSettings


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDINSKY_LEASE_SECONDS", "2.5")
    monkeypatch.setenv("KANDINSKY_SOMETHING_ELSE", "ignored")
    assert JobSettings().lease_seconds == 2.5


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDINSKY_IMAGES_URL", "")
    assert JobSettings().images_url == "file://./data/images"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "localhost"),
        ("REDIS_URL", "redis://[::1"),
        ("REDIS_URL", "redis://host:port"),
        ("LOG_FORMAT", "xml"),
        ("RETENTION_SECONDS", "0"),
        ("LEASE_SECONDS", "0"),
        ("MAX_ATTEMPTS", "0"),
        ("MAX_QUEUE_LENGTH", "many"),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(f"KANDINSKY_{variable}", value)
    with pytest.raises(ValidationError, match=variable.lower()):
        JobSettings()
