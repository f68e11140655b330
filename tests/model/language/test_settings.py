import json
import re
from pathlib import Path

import pytest

from model.language.settings import NEURAL_CHAT, GenerationSettings, read_settings
from model.weights import CheckpointError


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens should be a whole number from 1 to 4096, got 0"),
        ({"max_new_tokens": 1.5}, "max_new_tokens should be a whole number from 1 to 4096, got 1.5"),
        ({"temperature": -1}, "temperature should be a number from 0 to 5, got -1"),
        ({"temperature": True}, "temperature should be a number from 0 to 5, got True"),
        ({"temperature": float("nan")}, "temperature should be a number from 0 to 5, got nan"),
        ({"top_k": 0}, "top_k should be"),
        ({"top_p": 0}, "top_p should be a number from 0.01 to 1, got 0"),
        ({"repetition_penalty": 0}, "repetition_penalty should be a number from 0.1 to 10, got 0"),
        ({"template": "in oil"}, "template has no {prompt} in it"),
        ({"template": 3}, "template should be a text, got 3"),
        ({"stop": [""]}, "stop should be a list of texts, none of them empty, got ('',)"),
        ({"stop": "###"}, "stop should be a list of texts, none of them empty, got '###'"),
        ({"examples": "a dog"}, "examples should be a list of pairs of texts, got 'a dog'"),
        ({"system": None}, "system should be a text, got None"),
        ({"examples": [["a dog"]]}, "examples should be a list of pairs of texts, got ('a dog',)"),
        ({"top": 1}, "top is no setting; there is answer_start, examples, "),
    ],
)
def test_faulty_value_is_named(values: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}"):
        read_settings("some", tmp_path, values)
    (tmp_path / "beautifier.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=re.escape(f"{tmp_path / 'beautifier.json'}: {says}")):
        read_settings("some", tmp_path, {})


def test_given_values_go_before_the_file_and_this_before_the_preset(tmp_path: Path) -> None:
    preset = read_settings("smollm2-135m-instruct", tmp_path, {})
    (tmp_path / "beautifier.json").write_text('{"top_p": 0.5, "temperature": 0.1}')
    settings = read_settings("smollm2-135m-instruct", tmp_path, {"temperature": 0.2})
    assert (settings.temperature, settings.top_p) == (0.2, 0.5)
    assert settings.examples == preset.examples != ()


def test_neural_chat_is_asked_as_published(tmp_path: Path) -> None:
    assert read_settings("neural-chat-7b-v3-1", tmp_path, {}).template == NEURAL_CHAT


def test_model_that_nobody_knows(tmp_path: Path) -> None:
    assert read_settings("some", tmp_path, {}) == GenerationSettings()
