"""The next token of each answer, chosen by numbers that depend on nothing but seed and position."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopPLogitsWarper

from model.language.settings import GenerationSettings


def draw_uniform(seed: int, position: int) -> float:
    """A number in [0, 1) for the token at a position of the answer."""
    key = hashlib.blake2b(f"token:{seed}:{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(key, "little") >> 11) / 2**53


def are_usable(logits: Tensor) -> list[bool]:
    """Whether each row of (B, V) has a token to choose; a network may forbid some by minus infinity."""
    return logits.amax(dim=-1).isfinite().tolist()


def choose(
    logits: Tensor, answers: Sequence[Sequence[int]], draws: Sequence[float], settings: GenerationSettings
) -> list[int]:
    """Token ids for the rows of (B, V), by nucleus sampling (arXiv 1904.09751) among the `top_k` likeliest.

    The penalty counts the tokens of a row's answer alone, so that words of the template stay free.
    """
    rows = zip(logits.split(1), answers, strict=True)
    scores = torch.cat([_penalised(row, ids, settings) for row, ids in rows])
    if not settings.temperature:
        return scores.argmax(dim=-1).tolist()
    # In the order of their ids, which rounding cannot change.
    likeliest = scores.topk(min(settings.top_k, scores.shape[1])).indices.sort().values
    ids, best = likeliest.cpu(), scores.gather(1, likeliest).cpu()
    best = TemperatureLogitsWarper(float(settings.temperature))(ids, best)
    if settings.top_p < 1:
        best = TopPLogitsWarper(settings.top_p)(ids, best)
    cumulative = best.softmax(dim=-1, dtype=torch.float64).cumsum(dim=-1)
    drawn = torch.tensor(draws, dtype=torch.float64)[:, None] * cumulative[:, -1:]
    places = torch.searchsorted(cumulative, drawn, right=True).clamp(max=ids.shape[1] - 1)
    return ids.gather(1, places)[:, 0].tolist()


def _penalised(row: Tensor, ids: Sequence[int], settings: GenerationSettings) -> Tensor:
    if not ids or settings.repetition_penalty == 1:
        return row
    seen = torch.tensor([list(ids)], device=row.device)
    return RepetitionPenaltyLogitsProcessor(float(settings.repetition_penalty))(seen, row)
