from collections import Counter
from dataclasses import replace

import pytest
import torch

from model.language.sampling import are_usable, choose, draw_uniform
from model.language.settings import GenerationSettings

PLAIN = GenerationSettings(temperature=1, top_p=1, repetition_penalty=1, stop=())
SHARES = torch.tensor([[0.1, 0.2, 0.0, 0.4, 0.3]])


def test_tokens_come_as_often_as_they_are_likely() -> None:
    draws = [draw_uniform(seed, 3) for seed in range(4000)]
    chosen = choose(SHARES.log().expand(len(draws), -1), [[]] * len(draws), draws, PLAIN)
    shares = [Counter(chosen)[token] / len(draws) for token in range(5)]
    assert shares == pytest.approx(SHARES[0].tolist(), abs=0.03)


@pytest.mark.parametrize(
    ("change", "tokens"),
    [
        ({"top_p": 0.65}, {3, 4}),
        ({"top_k": 3}, {1, 3, 4}),
        ({"temperature": 0}, {3}),
        ({"temperature": 0.01}, {3}),
    ],
)
def test_unlikely_tokens_are_left_out(change: dict[str, float], tokens: set[int]) -> None:
    draws = [(row + 0.5) / 100 for row in range(100)]
    chosen = choose(SHARES.log().expand(100, -1), [[]] * 100, draws, replace(PLAIN, **change))
    assert set(chosen) == tokens


def test_penalty_counts_each_answer_alone() -> None:
    logits = torch.tensor([[2.0, 1.5, 1.0]]).expand(2, -1)
    settings = replace(PLAIN, temperature=0, repetition_penalty=1.5)
    assert choose(logits, [[0], [1]], [0, 0], settings) == [1, 0]


@pytest.mark.parametrize("draw", [0.0, 1 - 2**-53])
def test_no_draw_falls_out_of_the_vocabulary(draw: float) -> None:
    [token] = choose(SHARES.log(), [[]], [draw], PLAIN)
    assert token == (4 if draw else 0)


def test_numbers_depend_on_seed_and_position() -> None:
    numbers = {draw_uniform(seed, position) for seed in range(10) for position in range(10)}
    assert len(numbers) == 100
    assert draw_uniform(7, 2) == draw_uniform(7, 2)


def test_scores_that_are_none() -> None:
    logits = torch.tensor([[0.0, -torch.inf], [0.0, torch.nan], [torch.inf, 0.0], [-torch.inf, -torch.inf]])
    assert are_usable(logits) == [True, False, False, False]
