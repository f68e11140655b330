"""What a language model is given to read: the published template, or the model's own chat template."""

import re
from collections.abc import Iterable
from typing import Any

from jinja2 import TemplateError

from model.language.settings import NEURAL_CHAT, PLACE, GenerationSettings

#: What chat templates are made of; in a prompt it could end the user's turn.
MARKERS = re.compile(r"<[|｜][^|｜<>]*[|｜]>|</?s>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|#{2,}")

#: Invisible, yet part of emoji and of Persian words.
JOINERS = "\u200c\u200d"
#: What may end a text that others follow.
STOPS = " .,;:"


def one_line(text: str) -> str:
    """A text without control characters and line breaks."""
    return " ".join("".join(c if c.isprintable() or c in JOINERS else " " for c in text).split())


def plain(prompt: str, special: Iterable[str] = ()) -> str:
    """A prompt in one line without chat markers and a tokenizer's special tokens."""
    for token in filter(None, special):
        prompt = prompt.replace(token, " ")
    return one_line(MARKERS.sub(" ", prompt))


def filled(template: str, text: str) -> str:
    """A template with a text in it, which loses its full stop where the template goes on."""
    if not template.endswith(PLACE):
        text = text.rstrip(STOPS) or text
    return template.replace(PLACE, text)


def answer_start(prompt: str, settings: GenerationSettings, tokenizer: Any) -> str:
    """What the answer to a prompt begins with."""
    return filled(settings.answer_start, plain(prompt, tokenizer.all_special_tokens))


def tokenize(prompt: str, settings: GenerationSettings, tokenizer: Any) -> list[int]:
    """Token ids of all that the model reads before it writes."""
    start = answer_start(prompt, settings, tokenizer)
    prompt = plain(prompt, tokenizer.all_special_tokens)
    if settings.template is None and tokenizer.chat_template:
        text = _in_chat_template(prompt, settings, tokenizer)
        return tokenizer(text + start, add_special_tokens=False)["input_ids"]
    text = (settings.template or NEURAL_CHAT).replace(PLACE, prompt)
    return tokenizer(text + start)["input_ids"]


def _in_chat_template(prompt: str, settings: GenerationSettings, tokenizer: Any) -> str:
    turns = [turn for pair in settings.examples for turn in zip(("user", "assistant"), pair, strict=True)]
    turns.append(("user", prompt))
    try:
        system = [("system", settings.system)] if settings.system else []
        return _render(system + turns, tokenizer)
    except TemplateError:  # a model that knows no system message
        (role, text), *others = turns
        return _render([(role, f"{settings.system}\n\n{text}"), *others], tokenizer)


def _render(turns: list[tuple[str, str]], tokenizer: Any) -> str:
    messages = [{"role": role, "content": text} for role, text in turns]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
