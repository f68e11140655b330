import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model.language.__main__ import main


@pytest.fixture
def run(language_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command with the tiny model."""

    def command(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["model.language", "--model", str(language_folder), *options])
        return main()

    return command


def test_a_line_for_each_prompt(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a red apple", "кот", "--style", "{prompt}, in oil") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.endswith(", in oil") for line in lines)


def test_fallback_is_told(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("red " * 100) == 0
    assert "the prompt alone fills the 128 tokens" in capsys.readouterr().err


def test_no_prompt_gets_the_model_ready(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert capsys.readouterr().out == "tiny-chat is ready\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [((" ",), "prompt has no words in it"), (("--model", "absent"), "absent/config.json is missing")],
)
def test_bad_option(
    run: Callable[..., int], options: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*options) == 1
    assert capsys.readouterr().err == f"error: {says}\n"
