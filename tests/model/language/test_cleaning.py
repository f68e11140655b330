import pytest

from model.language.cleaning import clean

PROMPT = "A red apple on a table, soft light"


@pytest.mark.parametrize(
    "answer",
    [
        PROMPT,
        f"  {PROMPT}\n\n",
        f'"{PROMPT}"',
        f"“{PROMPT}”",
        f"«{PROMPT}»",
        f'"{PROMPT}',
        f"**{PROMPT}**",
        f"1. {PROMPT}",
        f"### Assistant:\n{PROMPT}",
        f"Assistant: {PROMPT}",
        f"<|im_start|>assistant\n{PROMPT}<|im_end|>",
        f"{PROMPT}\n### User:\na cat\n### Assistant:\nA cat",
        f"{PROMPT}\nUser: a cat",
        f"{PROMPT}</s>",
        f"Here is an expanded prompt for you: {PROMPT}",
        f"Here's the best prompt:\n\n{PROMPT}",
        f'Sure! Here is the prompt: "{PROMPT}"',
        f"Certainly.\n{PROMPT}",
        f"Sure, I can help you with that. {PROMPT}",
        f"Sure, here's an improved version of your prompt: {PROMPT}",
        f"<think>\nThey want an apple.\n</think>\n\n{PROMPT}",
        f"They want an apple.</think>{PROMPT}",
        f"Prompt: {PROMPT}",
        f"Expanded prompt: {PROMPT}",
        f"**Image Prompt:** {PROMPT}",
        f"Вот улучшенный промпт: {PROMPT}",
        f"{PROMPT}\n\nNote: this prompt is detailed.",
        f"{PROMPT}\n\nI hope this is what you want!",
        PROMPT.replace(", ", ",\n"),
        PROMPT.replace(" ", "\x00 \t"),
        f"{PROMPT}\ufffd",
    ],
)
def test_only_the_prompt_is_left(answer: str) -> None:
    assert clean(answer) == PROMPT


@pytest.mark.parametrize(
    "answer",
    ["", " \n", "<think>They want", '""', "<|im_end|>", "### Assistant:\n", "...", "Here is your prompt:"],
)
def test_nothing_is_left_of_nothing(answer: str) -> None:
    assert clean(answer) == ""


@pytest.mark.parametrize(
    "answer",
    [
        '"Hello" on a neon sign',
        "The system of the stars: a map",
        "A user interface: buttons, soft light",
        "Okay sign, made by a hand",
        "Surely the best apple",
        "Great Wall of China at sunrise, cinematic, 16:9",
        "Great Wall of China: sunrise",
        "Here is a cat sleeping on a sofa, soft light, 4:3",
        "OK corral, 1881: gunfight at noon",
        "A description of the stars: a map",
        "Семья 👨\u200d👩\u200d👧, می\u200cخواهم",
        "A 3D render - blue # 5",
    ],
)
def test_words_of_the_prompt_stay(answer: str) -> None:
    assert clean(answer) == answer
