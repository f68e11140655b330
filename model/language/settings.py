"""How a language model is asked and how it answers: defaults, presets by model, and `beautifier.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeGuard

from model.weights import CheckpointError, read_json

#: What may lie beside a model, with any of the fields of `GenerationSettings`.
FILE = "beautifier.json"
#: Settings of more models, by the beginning of their name.
PRESETS = Path(__file__).parent / "presets.json"
#: Stands for the user's prompt.
PLACE = "{prompt}"

#: What the model is told to do, as published; the space at the end belongs to it.
SYSTEM = (
    "You are a prompt engineer. Your mission is to expand prompts written by user. "
    "You should provide the best prompt for text to image generation in English. "
)
#: The template that was published for neural-chat-7b-v3-1.
NEURAL_CHAT = f"### System:\n{SYSTEM}\n### User:\n{PLACE}\n### Assistant:\n"


@dataclass(frozen=True)
class GenerationSettings:
    """All that shapes an answer; a value out of its range raises ValueError, which names it and the range.

    Nothing but the template is published, so the numbers are ours.
    """

    max_new_tokens: int = 128
    #: 0 takes the likeliest token each time.
    temperature: float = 0.7
    #: How many of the likeliest tokens may be taken.
    top_k: int = 50
    #: What share of the probability these must make up; the rest of them are left out.
    top_p: float = 0.9
    #: Divides the scores of tokens that the answer has already (CTRL, arXiv 1909.05858, section 4.1).
    repetition_penalty: float = 1.1
    #: The whole text given to the model. None: the model's own chat template, or the published one without.
    template: str | None = None
    #: The first message in a chat template.
    system: str = SYSTEM.rstrip()
    #: Pairs of a prompt and its answer, shown before the user's prompt in a chat template.
    examples: tuple[tuple[str, str], ...] = ()
    #: What every answer begins with, "{prompt}" included if it is in there.
    answer_start: str = ""
    #: Texts that end an answer and do not belong to it.
    stop: tuple[str, ...] = ("###", "<|")

    def __post_init__(self) -> None:
        _check_whole("max_new_tokens", self.max_new_tokens, 1, 4096)
        _check_number("temperature", self.temperature, 0, 5)
        _check_whole("top_k", self.top_k, 1, 2**31 - 1)
        _check_number("top_p", self.top_p, 0.01, 1)
        _check_number("repetition_penalty", self.repetition_penalty, 0.1, 10)
        _check_text("system", self.system)
        _check_text("answer_start", self.answer_start)
        _check_stop(self.stop)
        _check_examples(self.examples)
        if self.template is not None:
            _check_text("template", self.template)
            if PLACE not in self.template:
                raise ValueError(f"template has no {PLACE} in it")


def read_settings(name: str, folder: Path, given: Mapping[str, object]) -> GenerationSettings:
    """Settings of a model: what is given, else what `beautifier.json` in its folder says, else its preset.

    Raises CheckpointError for a faulty file, ValueError for a faulty value that is given.
    """
    file = folder / FILE
    preset, stored = _preset(name), read_json(file) if file.exists() else {}
    try:
        made(preset | stored)
    except ValueError as error:
        raise CheckpointError(f"{file}: {error}") from error
    return made(preset | stored | dict(given))


def made(values: Mapping[str, Any]) -> GenerationSettings:
    """Settings of values as JSON has them. Raises ValueError, naming the field."""
    known = {field.name for field in fields(GenerationSettings)}
    for name in values:
        if name not in known:
            raise ValueError(f"{name} is no setting; there is {', '.join(sorted(known))}")
    return GenerationSettings(**{name: _frozen(value) for name, value in values.items()})


def _preset(name: str) -> dict[str, Any]:
    presets = {"neural-chat": {"template": NEURAL_CHAT}, **read_json(PRESETS)}
    return next((preset for start, preset in presets.items() if name.startswith(start)), {})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} should be a whole number from {least} to {most}, got {value!r}")


def _check_number(name: str, value: object, least: float, most: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} should be a number from {least} to {most}, got {value!r}")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name} should be a text, got {value!r}")


def _check_stop(stop: object) -> None:
    if not _are_texts(stop) or "" in stop:
        raise ValueError(f"stop should be a list of texts, none of them empty, got {stop!r}")


def _check_examples(examples: object) -> None:
    for pair in examples if isinstance(examples, tuple) else (examples,):
        if not _are_texts(pair) or len(pair) != 2:
            raise ValueError(f"examples should be a list of pairs of texts, got {pair!r}")


def _are_texts(value: object) -> TypeGuard[tuple[str, ...]]:
    return isinstance(value, tuple) and all(isinstance(text, str) for text in value)
