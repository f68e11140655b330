import json
from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import pytest
import torch

from model.language.loading import load_language_model
from model.language.pipeline import LanguagePipeline, beautify
from model.language.wording import tokenize
from model.language.writing import BeautifyRequest, Writing
from model.t5 import load_tokenizer
from tests.language_models import write_language_model
from tests.model.conftest import CPU

ROOT = Path(__file__).parents[3]
PROMPTS = ("a red apple", "кот", "soft light on a table, highly detailed", "a")
REQUESTS = [BeautifyRequest(prompt, seed) for seed, prompt in enumerate(PROMPTS)]


def finish(pipeline: LanguagePipeline, states: Sequence[Writing]) -> list[list[int]]:
    """Tokens of the answers."""
    while waiting := [state for state in states if not state.is_done]:
        pipeline.step(waiting)
    return [state.answer for state in states]


def alone(pipeline: LanguagePipeline, request: BeautifyRequest) -> list[int]:
    return finish(pipeline, pipeline.start([request]))[0]


@pytest.mark.parametrize("kind", ["llama", "mistral", "gpt2", "bloom", "gpt_neox", "opt", "qwen2", "gemma2"])
def test_likeliest_tokens_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    folder = write_language_model(tmp_path, kind, head_dim=8, word_embed_proj_dim=32)
    greedy = {"temperature": 0, "repetition_penalty": 1, "max_new_tokens": 12, "stop": ()}
    pipeline = LanguagePipeline(load_language_model(folder, CPU, settings=greedy))
    model = pipeline.model
    answers = finish(pipeline, pipeline.start(REQUESTS))
    for request, answer in zip(REQUESTS, answers, strict=True):
        ids = torch.tensor([tokenize(request.prompt, model.settings, model.tokenizer)])
        wanted = model.network.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, eos_token_id=0
        )
        assert answer == [token for token in wanted[0, ids.shape[1] :].tolist() if token]


def test_batch_mates_change_nothing(language: LanguagePipeline) -> None:
    together = finish(language, language.start(REQUESTS))
    assert together == [alone(language, request) for request in REQUESTS]
    assert len({tuple(answer) for answer in together}) == len(REQUESTS)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 512}),
        ("mistral", {"sliding_window": 16}),
        ("gemma3_text", {"head_dim": 8, "sliding_window": 16}),
        ("gpt_neo", {"attention_types": [[["global", "local"], 1]], "window_size": 16, "num_layers": 2}),
    ],
)
def test_batch_mates_change_nothing_where_places_count(
    kind: str, config: dict[str, object], tmp_path: Path
) -> None:
    folder = write_language_model(tmp_path, kind, **config)
    settings = {"temperature": 0, "max_new_tokens": 12, "stop": ()}
    pipeline = LanguagePipeline(load_language_model(folder, CPU, settings=settings))
    together = finish(pipeline, pipeline.start(REQUESTS))
    assert together == [alone(pipeline, request) for request in REQUESTS]


@pytest.mark.parametrize("template", ["{prompt}: ", "Expand {prompt}", "a red {prompt}"])
def test_texts_may_have_little_in_common(language: LanguagePipeline, template: str) -> None:
    settings = replace(language.model.settings, template=template)
    pipeline = LanguagePipeline(replace(language.model, settings=settings))
    together = finish(pipeline, pipeline.start(REQUESTS))
    assert together == [alone(pipeline, request) for request in REQUESTS]


def test_requests_join_and_leave_at_every_token(language: LanguagePipeline) -> None:
    wanted = [alone(language, request) for request in REQUESTS]
    states: list[Writing] = []
    for request in REQUESTS:
        states += language.start([request])
        language.step([state for state in states if not state.is_done])
    language.step(states[1::2])  # the others wait for a turn
    language.step(states[::-1])
    assert finish(language, states) == wanted


def test_same_batch_is_not_joined_again(language: LanguagePipeline) -> None:
    states = language.start(REQUESTS)
    past = states[0].past
    language.step(states)
    assert past is not None
    assert all(state.past is past for state in states)
    language.step(states[:2])
    assert states[0].past is not past


def test_seed_chooses_the_answer(language: LanguagePipeline) -> None:
    answers = {tuple(alone(language, BeautifyRequest("a red apple", seed))) for seed in range(5)}
    assert len(answers) == 5


@pytest.mark.parametrize("layer", [0, 1])
def test_failed_step_leaves_all_as_they_were(language: LanguagePipeline, layer: int) -> None:
    wanted = [alone(language, request) for request in REQUESTS]
    states = language.start(REQUESTS)
    language.step(states)

    def fail(*_: object) -> None:
        raise MemoryError

    hook = language.model.network.model.layers[layer].mlp.register_forward_hook(fail)
    for batch in (states, states[1:]):
        with pytest.raises(MemoryError):
            language.step(batch)
    hook.remove()
    assert finish(language, states) == wanted


def test_failed_choice_leaves_all_as_they_were(
    language: LanguagePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [alone(language, request) for request in REQUESTS]
    states = language.start(REQUESTS)
    with monkeypatch.context() as patch:
        patch.delattr(torch, "searchsorted")
        with pytest.raises(AttributeError):
            language.step(states)
    assert finish(language, states) == wanted


def test_network_that_breaks_fails_its_own_answer_only(language: LanguagePipeline) -> None:
    wanted = alone(language, REQUESTS[0])
    states = language.start(REQUESTS[:2])

    def break_second(_: object, __: object, logits: torch.Tensor) -> torch.Tensor:
        return logits.index_fill(0, torch.tensor([1]), torch.nan)

    with language.model.network.lm_head.register_forward_hook(break_second):
        language.step(states)
    assert [state.is_finite for state in states] == [True, False]
    assert finish(language, states[:1]) == [wanted]


def test_answer_ends_at_stop_text(language: LanguagePipeline) -> None:
    [long] = language.start(REQUESTS[:1])
    finish(language, [long])
    letter = long.text[4]
    settings = replace(language.model.settings, stop=(letter,))
    short = LanguagePipeline(replace(language.model, settings=settings))
    [state] = short.start(REQUESTS[:1])
    finish(short, [state])
    assert state.is_finished
    assert state.text.index(letter) == long.text.index(letter)
    assert letter not in short.decode([state])[0].text


def test_answer_stops_growing_when_the_encoder_is_full(language: LanguagePipeline) -> None:
    full = LanguagePipeline(language.model, count_tokens=len, max_tokens=14)
    request = BeautifyRequest("кот", seed=3, template="{prompt}, oil")
    [state] = full.start([request])
    finish(full, [state])
    assert state.num_done < state.num_steps
    assert len(full.decode([state])[0].text) <= 14


def test_prompt_that_fills_the_encoder_stays_whole(language: LanguagePipeline) -> None:
    pipeline = LanguagePipeline(language.model, count_tokens=lambda text: len(text.split()), max_tokens=20)
    request = BeautifyRequest("red " * 21, seed=1, template="{prompt}, oil painting")
    first, second = beautify(pipeline, [request, REQUESTS[0]])
    assert first.text == "red " * 20 + "red, oil painting"
    assert first.fallback == "the prompt alone fills the 20 tokens that the image encoder reads"
    assert second.fallback is None


def test_prompt_that_its_style_leaves_no_room_for(language: LanguagePipeline) -> None:
    pipeline = LanguagePipeline(language.model, count_tokens=lambda text: len(text.split()), max_tokens=20)
    request = BeautifyRequest("red " * 11, seed=1, template="{prompt}, painted" + " thickly" * 10)
    [beautified] = beautify(pipeline, [request])
    assert beautified.text == "red " * 10 + "red, painted" + " thickly" * 10
    assert beautified.fallback == "prompt and style fill the 20 tokens that the image encoder reads"


@pytest.mark.parametrize(
    "style", json.loads((ROOT / "service/planning/styles.json").read_text()), ids=itemgetter("name")
)
def test_prompt_and_shipped_style_are_read_by_the_shipped_encoder(
    language: LanguagePipeline, style: dict[str, str]
) -> None:
    tokenizer = load_tokenizer(ROOT / "model/checkpoints/kandinsky-3-demo/tokenizer")

    def read(text: str) -> str:
        return tokenizer.decode(tokenizer(text)["input_ids"][:48])

    settings = replace(language.model.settings, answer_start="{prompt},")
    model = replace(language.model, settings=settings)
    pipeline = LanguagePipeline(model, lambda text: len(tokenizer(text)["input_ids"]), 48)
    [beautified] = beautify(pipeline, [BeautifyRequest("a red apple", 1, style["template"])])
    before, _, after = style["template"].partition("{prompt}")
    assert read(beautified.text).startswith(f"{before}a red apple,")
    assert read(after)[:8] in read(beautified.text)


def test_only_the_answer_is_cut(language: LanguagePipeline) -> None:
    prompt = "A green apple on a red plate. Two cats and a dog"
    settings = replace(language.model.settings, answer_start="{prompt},")
    pipeline = LanguagePipeline(replace(language.model, settings=settings), count_tokens=len, max_tokens=56)
    [beautified] = beautify(pipeline, [BeautifyRequest(prompt, seed=1)])
    assert beautified.text.startswith(prompt)
    state = Writing(BeautifyRequest(prompt, 1), 8, f"{prompt},", text=" overwhelmingly", is_finished=True)
    assert pipeline.decode([state])[0].text == prompt
    assert pipeline.decode([state])[0].fallback == (
        "nothing that the language model added fits the 56 tokens that the image encoder reads"
    )


def test_estimate_counts_letters(language: LanguagePipeline) -> None:
    [beautified] = beautify(
        LanguagePipeline(language.model, max_tokens=16), [BeautifyRequest("红苹果" * 6, seed=1)]
    )
    assert beautified.fallback == "the prompt alone fills the 16 tokens that the image encoder reads"


def test_prompt_of_markers_is_given_back(language: LanguagePipeline) -> None:
    [beautified] = beautify(language, [BeautifyRequest("### <|end|>", seed=1)])
    assert beautified.text == "### <|end|>"
    assert beautified.fallback == "the prompt has nothing but chat markers in it"


def test_prompt_longer_than_the_model_reads(language: LanguagePipeline) -> None:
    pipeline = LanguagePipeline(language.model, max_tokens=10_000)
    [beautified] = beautify(pipeline, [BeautifyRequest("red " * 600, seed=1)])
    assert beautified.text == "red " * 599 + "red"
    assert beautified.fallback == "the prompt is longer than tiny-chat reads"


def test_silent_model_gives_the_prompt_back(language: LanguagePipeline) -> None:
    quiet = replace(language.model.settings, stop=tuple(map(chr, range(32, 0x500))), max_new_tokens=2)
    [beautified] = beautify(LanguagePipeline(replace(language.model, settings=quiet)), REQUESTS[:1])
    assert beautified.text == "a red apple"
    assert beautified.fallback == "the language model answered nothing"


@pytest.mark.parametrize(("prompt", "template"), [(" \n", "{prompt}"), ("a cat", "in oil")])
def test_request_that_makes_no_sense(prompt: str, template: str) -> None:
    with pytest.raises(ValueError, match="prompt"):
        BeautifyRequest(prompt, 1, template)
